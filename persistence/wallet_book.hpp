// Wallets, withdrawals and ceilings of a change: checked without writing, then written beside the money.
#pragma once

#include <vector>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

class wallet_book {
public:
  explicit wallet_book(connection&);

  /// Reads only. False: `r` says why not. True: `write` of the same change cannot be refused.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true, and nothing was written since.
  void write(const change&);

private:
  bool check_wallet(const wallet_row&, change_result&);
  bool check_open(const change&, const withdrawal_open&, change_result&);
  bool check_move(const change&, const withdrawal_move&, change_result&);

  statement any_wallet_, any_address_, insert_wallet_;
  statement any_withdrawal_, taken_, insert_withdrawal_;
  statement find_withdrawal_, move_withdrawal_;
  statement put_limit_, delete_limit_;
};

/// The events that tell these users of their low balance; `r.warned` names the last of them.
std::vector<event_row> warnings(const std::vector<balance_row>& poor, time_ms now_ms, change_result& r);

}  // namespace troupe::sql
