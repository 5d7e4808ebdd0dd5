// The books as a person would keep them: balances, reserved money and what was said before, in plain maps. It knows no
// journal and no database, and shares no code with persistence/.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "model/change.hpp"

namespace simulate {

using troupe::amount;
using troupe::errc;
using wide = __int128;

/// A purse: owner, kind and asset.
using purse_key = std::tuple<std::string, int, int>;
purse_key key_of(const troupe::account_key&);

struct purse {
  amount balance = 0, held = 0;
  int64_t rows = 0;  // of the journal that touch it, in the eyes of its owner
  amount free() const { return balance - held; }
};

struct promise {
  troupe::account_key whose;
  std::string about;
  std::vector<troupe::spend_guard> guards;
  amount value = 0, captured = 0;
  int steps = 0;
  bool open = true;
  purse_key from() const { return key_of(whose); }
  amount left() const { return value - captured; }
};

struct naive_answer {
  errc why = errc::ok;
  amount required = 0, available = 0, balance = 0;
};

class naive_books {
public:
  /// All of them or none.
  naive_answer pay(const std::vector<troupe::transfer>&);
  naive_answer reserve(const troupe::hold_open&);
  naive_answer extend(const troupe::hold_extend&);
  /// Pays out of the hold; a last capture gives the rest back.
  naive_answer capture(const troupe::hold_close&, troupe::time_ms now);
  naive_answer mature(const troupe::mature_move&, troupe::time_ms now);
  naive_answer correct(const troupe::correction&);

  const std::map<purse_key, purse>& purses() const { return purses_; }
  const std::map<std::string, promise>& holds() const { return holds_; }
  /// What is committed under a ceiling: scope, period, asset.
  using ceiling_key = std::tuple<std::string, std::string, troupe::asset>;
  const std::map<ceiling_key, amount>& committed() const { return committed_; }
  /// What will mature: owner, asset, second.
  using bucket_key = std::tuple<std::string, troupe::asset, int64_t>;
  const std::map<bucket_key, amount>& buckets() const { return buckets_; }
  purse at(const troupe::account_key&) const;
  /// A transfer by its id; null: there is none.
  const troupe::transfer* posted(const std::string& id) const;
  /// Empty, or what is wrong with the naive books themselves.
  std::string broken_law() const;

private:
  naive_answer pay(const troupe::transfer&);
  void touch(const purse_key& debit, const purse_key& credit);
  void give(const troupe::transfer&);
  promise* open_one(const std::string& hold, const std::string& about);
  naive_answer has_room(const promise&, amount more) const;
  void commit_to(const promise&, amount more);

  std::map<purse_key, purse> purses_;
  std::map<std::string, promise> holds_;
  std::map<std::string, troupe::transfer> posted_;
  std::map<ceiling_key, amount> committed_;
  std::map<bucket_key, amount> buckets_;
};

}  // namespace simulate
