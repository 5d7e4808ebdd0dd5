// The five fields of a crontab line, and the next minute that fits them. UTC; pure.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "model/error.hpp"
#include "model/job_spec.hpp"

namespace troupe {

/// Each field is a set of bits.
struct cron {
  uint64_t minutes = 0;  // 0-59
  uint32_t hours = 0;    // 0-23
  uint32_t days = 0;     // of the month, 1-31
  uint16_t months = 0;   // 1-12
  uint8_t weekdays = 0;  // 0-6, from Sunday
  bool any_day = false;  // the field of days began with *: only weekdays count, and the reverse. When both are given,
  bool any_weekday = false;  // a day fits that fits either of them, as cron has always done it.
};

/// "MINUTE HOUR DAY MONTH WEEKDAY" with *, lists, ranges, steps and names (jan, mon), or @hourly, @daily, @midnight,
/// @weekly, @monthly, @yearly, @annually. Refuses what never comes, like February 30.
outcome<cron> parse_cron(std::string_view);

/// The first full minute after `after_ms` that fits; nothing within 40 years when there is none.
std::optional<time_ms> next_time(const cron&, time_ms after_ms);

}  // namespace troupe
