// Ceilings on what a key or a user may commit to, and the days and months they are counted in.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/change.hpp"

namespace troupe {

/// "2026-11-22" and "2026-11", of UTC.
std::string day_of(time_ms);
std::string month_of(time_ms);
/// The first millisecond of "2026-11-22"; nothing for what is no day.
std::optional<time_ms> parse_day(std::string_view);

/// The ceilings that count for a hold of this asset that is opened now.
std::vector<spend_guard> guards_of(const std::vector<spend_limit>&, asset, time_ms now_ms);

}  // namespace troupe
