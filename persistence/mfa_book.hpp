// Second factors, each step under its own condition. Written at once: the next step of the change sees it.
#pragma once

#include "model/change.hpp"
#include "model/identity.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class mfa_book {
public:
  explicit mfa_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const mfa_step&, change_result& r);
  /// REQUIRES: `check` of the same step was true.
  void write(const mfa_step&);

private:
  bool check_one(const factor_setup&, change_result&);
  bool check_one(const factor_proof&, change_result&);
  bool check_one(const factor_wrong&, change_result&);
  bool check_one(const factor_drop&, change_result&);
  bool check_one(const backup_codes_put&, change_result&);
  bool check_one(const email_code_put&, change_result&);
  bool may_try(const std::string& user_id, time_ms at_ms, change_result&);
  void write_one(const factor_setup&);
  void write_one(const factor_proof&);
  void write_one(const factor_wrong&);
  void write_one(const factor_drop&);
  void write_one(const backup_codes_put&);
  void write_one(const email_code_put&);
  void put_backup_codes(const std::string& user_id, const std::vector<std::string>& hashes);

  statement any_user_, find_factor_, any_enabled_, put_factor_, take_step_, enable_, drop_factor_;
  statement any_code_, take_code_, forget_codes_, add_code_;
  statement find_wrong_, count_wrong_, verify_session_;
};

}  // namespace troupe::sql
