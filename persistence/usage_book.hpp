// Usage per day, and what was ever bought: sums that are kept, so that reading them costs days, not requests.
#pragma once

#include <limits>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class usage_book {
public:
  explicit usage_book(connection&);

  /// Finds out which of the change's deposits are new. REQUIRES: called before its money is written.
  void look_at(const change&);
  /// Remembers what the change adds. REQUIRES: `look_at` of the same change came before.
  void write(const change&);
  /// Once for each row of a group. REQUIRES: called before the commit.
  void flush();

private:
  using place = std::tuple<std::string, std::string, std::string, std::string, std::string, asset>;
  struct purchase {
    std::string row_id, owner;
    asset currency = asset::credit;
    amount value = 0;
  };
  bool is_posted(const std::string& row_id);
  void look_at(const transfer&);
  void look_at(const correction&);

  statement any_row_, find_row_, add_usage_, add_purchase_;
  std::vector<purchase> found_;  // of the change at hand
  std::map<place, usage_add> days_;
  std::map<std::string, purchase> purchases_;  // of the group, by transfer: its rows may not be in the journal yet
};

/// A sum of money that went beyond int64: money can come round again and again. It is not counted on, nor audited.
inline constexpr amount sum_beyond = std::numeric_limits<amount>::max();

/// Money that a person bought or was given: posted into an available account by these codes.
inline constexpr bool is_purchase(transfer_code code) {
  return code == transfer_code::deposit || code == transfer_code::grant;
}

}  // namespace troupe::sql
