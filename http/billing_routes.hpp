// The groups of rows that /api/v1/billing is made of.
#pragma once

#include <vector>

#include "http/routes.hpp"

namespace troupe {

void add_wallet_routes(std::vector<route>&);
void add_history_routes(std::vector<route>&);
void add_withdrawal_routes(std::vector<route>&);
void add_earnings_routes(std::vector<route>&);
void add_stake_routes(std::vector<route>&);

}  // namespace troupe
