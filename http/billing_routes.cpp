// Wallets and what moves in and out of them, each group in a file of its own.
#include "http/billing_routes.hpp"

namespace troupe {

void add_billing_routes(std::vector<route>& rows) {
  add_wallet_routes(rows);
  add_history_routes(rows);
  add_withdrawal_routes(rows);
  add_earnings_routes(rows);
  add_stake_routes(rows);
}

}  // namespace troupe
