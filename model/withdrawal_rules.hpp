// How much may leave at a time, and how long it may wait.
#pragma once

#include "model/amount.hpp"

namespace troupe {

struct withdrawal_rules {
  amount max = 1000 * one;       // of one
  amount daily = 5000 * one;     // of all within 24 hours, per user, source and asset
  int64_t hours = 24;            // a reservation lapses after so long
  amount payout_min = 10 * one;  // a provider's payout
  int64_t payout_fee_bps = 100;  // taken out of it
};

}  // namespace troupe
