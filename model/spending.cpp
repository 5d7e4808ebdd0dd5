// Days by the calendar of <chrono>, so that no time zone of the machine matters.
#include "model/spending.hpp"

#include <charconv>
#include <chrono>
#include <cstdio>

namespace troupe {

namespace {

using namespace std::chrono;

year_month_day date_of(time_ms at) { return floor<days>(sys_time<milliseconds>{milliseconds{at}}); }

}  // namespace

std::string month_of(time_ms at) {
  auto date = date_of(at);
  char text[32];
  std::snprintf(text, sizeof text, "%04d-%02u", static_cast<int>(date.year()), static_cast<unsigned>(date.month()));
  return text;
}

std::string day_of(time_ms at) {
  char text[16];
  std::snprintf(text, sizeof text, "-%02u", static_cast<unsigned>(date_of(at).day()));
  return month_of(at) + text;
}

std::optional<time_ms> parse_day(std::string_view text) {
  int y = 0;
  unsigned m = 0, d = 0;
  auto number = [&](size_t at, size_t size, auto& to) {
    auto end = text.data() + at + size;
    return std::from_chars(text.data() + at, end, to).ptr == end;
  };
  if (text.size() != 10 || text[4] != '-' || text[7] != '-') return std::nullopt;
  if (!number(0, 4, y) || !number(5, 2, m) || !number(8, 2, d) || y < 1970) return std::nullopt;
  year_month_day date{year{y}, month{m}, day{d}};
  if (!date.ok()) return std::nullopt;
  return duration_cast<milliseconds>(sys_days{date}.time_since_epoch()).count();
}

std::vector<spend_guard> guards_of(const std::vector<spend_limit>& limits, asset currency, time_ms now_ms) {
  std::vector<spend_guard> guards;
  for (const auto& x : limits) {
    if (x.currency != currency) continue;
    auto period = x.period == "day" ? day_of(now_ms) : x.period == "month" ? month_of(now_ms) : std::string{};
    guards.push_back({x.scope, period, x.limit});
  }
  return guards;
}

}  // namespace troupe
