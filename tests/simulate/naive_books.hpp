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
  purse_key from;
  std::string about;
  amount value = 0, captured = 0;
  bool open = true;
};

struct naive_answer {
  errc why = errc::ok;
  amount required = 0, available = 0, balance = 0;
};

class naive_books {
public:
  /// All of them or none.
  naive_answer pay(const std::vector<troupe::transfer>&);
  naive_answer reserve(const std::string& hold, const std::string& about, const troupe::account_key&, amount);
  /// Pays out of the hold and gives the rest back. REQUIRES: the hold is open and large enough.
  void settle(const std::string& hold, const troupe::account_key& provider, amount subtotal, amount fee);

  const std::map<purse_key, purse>& purses() const { return purses_; }
  const std::map<std::string, promise>& holds() const { return holds_; }
  purse at(const troupe::account_key&) const;
  /// Empty, or what is wrong with the naive books themselves.
  std::string broken_law() const;

private:
  naive_answer pay(const troupe::transfer&);
  void touch(const purse_key& debit, const purse_key& credit);

  std::map<purse_key, purse> purses_;
  std::map<std::string, promise> holds_;
  std::map<std::string, troupe::transfer> posted_;
};

}  // namespace simulate
