// Ceilings as they are written and read in JSON.
#pragma once

#include <map>
#include <string_view>
#include <vector>

#include "http/json.hpp"
#include "model/change.hpp"

namespace troupe {

/// Of these names (to their periods) those that are in the body: money sets one, null removes it. No scope yet.
std::vector<spend_limit> read_limits(fields&, const json& body,
                                     const std::map<std::string_view, std::string_view>& periods, asset currency);

/// {"rate_limit":null,"daily_spend":…,"monthly_spend":…,"total_spend":…} of the default currency, and `all` of them.
json limits_json(const std::vector<spend_limit>&);

}  // namespace troupe
