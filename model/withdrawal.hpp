// Money on its way out: from a wish to the change that reserves it, and from a reserved one to its end. Pure rules.
#pragma once

#include <string>
#include <string_view>

#include "model/change.hpp"
#include "model/withdrawal_rules.hpp"

namespace troupe {

/// `value` is what leaves the account; a payout's fee is taken out of it.
struct withdrawal_wish {
  std::string user_id, to_address;
  account_kind source = account_kind::available;  // or payable: a payout
  asset currency = asset::dgpu;
  amount value = 0;
};

/// 32 bytes in base 58: what an account on Solana looks like.
bool is_solana_address(std::string_view);

/// The hold and the row, both or neither; the store checks the rolling day. `id` begins with "wdr_".
outcome<change> reserve_withdrawal(const withdrawal_wish&, const withdrawal_rules&, const std::string& id,
                                   time_ms now_ms);

/// Captured for the chain: from here no timer gives it back.
change approve_withdrawal(const withdrawal_row&, const std::string& note, time_ms now_ms);
/// By its owner, by an admin who rejects it, or because its time is over: everything is released.
change cancel_withdrawal(const withdrawal_row&, const std::string& note, time_ms now_ms);

}  // namespace troupe
