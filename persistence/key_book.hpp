// Steps about credentials and what is counted of requests: rules of new keys, other secrets, ends, nonces, windows.
#pragma once

#include "model/change.hpp"
#include "model/identity.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class key_book {
public:
  explicit key_book(connection&);

  bool check(const rate_counts_put&, change_result&) { return true; }
  bool check(const key_rules_put&, change_result&) { return true; }
  bool check(const key_rotate&, change_result&);
  bool check(const key_revoke&, change_result&);
  bool check(const key_used&, change_result&) { return true; }
  bool check(const nonce_use&, change_result&);

  void write(const rate_counts_put&);
  void write(const key_rules_put&);
  void write(const key_rotate&);
  void write(const key_revoke&);
  void write(const key_used&);
  void write(const nonce_use&);

private:
  statement put_counts_, put_rules_, any_live_, any_key_, keep_old_, put_secret_, revoke_, end_old_, put_used_,
      any_nonce_, add_nonce_, drop_nonces_;
};

/// Minutes of keys as their column has them.
std::string join_windows(const std::map<std::string, rate_window>&);
std::map<std::string, rate_window> windows_of(const std::string&);

}  // namespace troupe::sql
