// Usage and credits as they are shown.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "http/json.hpp"

namespace troupe {

/// The sum over all assets of what can be added, and the cost of each asset. `lines`: one for each asset.
json totals_json(const std::vector<usage_add>& lines);
/// One row for each line; grouped ones name only their group.
json usage_json(const std::vector<usage_add>&, std::optional<usage_by>);
/// With a head line.
std::string usage_csv(const std::vector<usage_add>&, std::optional<usage_by>);

json credits_json(const std::string& user_id, const std::vector<balance_row>&, const std::vector<credit_total>&,
                  const std::vector<transaction_row>& newest);

}  // namespace troupe
