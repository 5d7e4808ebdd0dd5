// What withdrawals and payouts have in common at the edge.
#pragma once

#include "http/routes.hpp"
#include "model/withdrawal.hpp"

namespace troupe {

/// Reserves the money and answers 202 with the withdrawal; `more` is laid over the answer.
void take_out(const call_ptr&, const withdrawal_wish&, const json& more);

}  // namespace troupe
