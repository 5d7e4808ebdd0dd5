// Crontab lines: what they mean, what is refused, and that the next time is always the first that fits.
#include "model/cron.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <random>
#include <string>
#include <vector>

using namespace troupe;

namespace {

using namespace std::chrono;

time_ms at(int year, unsigned month, unsigned day, int hour = 0, int minute = 0) {
  auto date = sys_days{std::chrono::year{year} / std::chrono::month{month} / std::chrono::day{day}};
  return duration_cast<milliseconds>((date + hours{hour} + minutes{minute}).time_since_epoch()).count();
}

cron parsed(const std::string& text) {
  auto x = parse_cron(text);
  INFO(text);
  REQUIRE(std::holds_alternative<cron>(x));
  return std::get<cron>(x);
}

/// Minute by minute, in the words of the manual: either day field, when both are given.
bool fits(const cron& c, time_ms when) {
  sys_time<milliseconds> t{milliseconds{when}};
  auto day = floor<days>(t);
  year_month_day date{day};
  auto minute = duration_cast<minutes>(t - day).count();
  auto of_month = (c.days >> unsigned{date.day()} & 1) != 0;
  auto of_week = (c.weekdays >> weekday{day}.c_encoding() & 1) != 0;
  auto day_fits = c.any_day || c.any_weekday ? of_month && of_week : of_month || of_week;
  return day_fits && (c.months >> unsigned{date.month()} & 1) != 0 && (c.hours >> (minute / 60) & 1) != 0 &&
         (c.minutes >> (minute % 60) & 1) != 0;
}

}  // namespace

TEST_CASE("a crontab line fires when its fields say so") {
  struct example {
    const char* text;
    time_ms from, next;
  };
  const std::vector<example> all{
      {"* * * * *", at(2026, 11, 22, 10, 0), at(2026, 11, 22, 10, 1)},
      {"*/15 * * * *", at(2026, 11, 22, 10, 46), at(2026, 11, 22, 11, 0)},
      {"5/20 * * * *", at(2026, 11, 22, 10, 6), at(2026, 11, 22, 10, 25)},
      {"0 9-17/4 * * *", at(2026, 11, 22, 13, 0), at(2026, 11, 22, 17, 0)},
      {"30 4 1,15 * *", at(2026, 11, 2), at(2026, 11, 15, 4, 30)},
      {"0 0 31 * *", at(2026, 2, 1), at(2026, 3, 31)},
      {"0 0 29 2 *", at(2026, 1, 1), at(2028, 2, 29)},
      {"0 0 29 feb *", at(2096, 3, 1), at(2104, 2, 29)},
      {"0 12 * * mon-fri", at(2026, 11, 20, 12, 0), at(2026, 11, 23, 12, 0)},
      {"0 12 * * 7", at(2026, 11, 16), at(2026, 11, 22, 12, 0)},
      {"0 0 13 * fri", at(2026, 11, 22), at(2026, 11, 27)},   // either of the two
      {"0 0 */2 * mon", at(2026, 11, 22), at(2026, 11, 23)},  // with a star: both
      {"@hourly", at(2026, 11, 22, 10, 59), at(2026, 11, 22, 11, 0)},
      {"@yearly", at(2026, 11, 22), at(2027, 1, 1)},
      {"  0   0 * JAN  SUN ", at(2026, 11, 22), at(2027, 1, 3)},
      {"59 23 31 12 *", at(2026, 12, 31, 23, 59), at(2027, 12, 31, 23, 59)},
  };
  for (auto& x : all) {
    CAPTURE(x.text);
    CHECK(next_time(parsed(x.text), x.from) == x.next);
  }
  CHECK(next_time(parsed("* * * * *"), at(2026, 11, 22) + 1) == at(2026, 11, 22, 0, 1));
  CHECK(next_time(parsed("* * * * *"), at(2026, 11, 22) - 1) == at(2026, 11, 22));
}

TEST_CASE("a line that is none, or that never fires, is refused with its part") {
  for (auto* bad : {"",
                    "* * * *",
                    "* * * * * *",
                    "60 * * * *",
                    "* 24 * * *",
                    "* * 0 * *",
                    "* * 32 * *",
                    "* * * 13 *",
                    "* * * * 8",
                    "a * * * *",
                    "-1 * * * *",
                    "1- * * * *",
                    "5-1 * * * *",
                    "*/0 * * * *",
                    "*/61 * * * *",
                    "1,,2 * * * *",
                    ", * * * *",
                    "1/ * * * *",
                    "* * * foo *",
                    "1.5 * * * *",
                    "0 0 30 2 *",
                    "0 0 31 feb,apr,jun *",
                    "@never",
                    "99999999999 * * * *",
                    "* * * * mon-sun-tue"}) {
    CAPTURE(bad);
    auto x = parse_cron(bad);
    REQUIRE(std::holds_alternative<failure>(x));
    CHECK(std::get<failure>(x).code == errc::invalid);
    CHECK(std::get<failure>(x).detail.starts_with("cron"));
  }
  CHECK(std::holds_alternative<failure>(parse_cron(std::string(10'000, '*'))));
}

TEST_CASE("whatever the line, the next time is later, fits, and nothing before it fits") {
  std::mt19937 random{20261122};
  auto pick = [&](int least, int most) { return std::uniform_int_distribution<int>{least, most}(random); };
  auto field = [&](int least, int most) -> std::string {
    auto a = pick(least, most), b = pick(a, most);
    switch (pick(0, 4)) {
      case 0: return std::to_string(a);
      case 1: return std::to_string(a) + "-" + std::to_string(b);
      case 2: return "*/" + std::to_string(pick(1, most));
      case 3: return std::to_string(a) + "," + std::to_string(b);
      default: return "*";
    }
  };
  for (int i = 0; i < 2'000; ++i) {
    auto text = field(0, 59) + " " + field(0, 23) + " " + field(1, 28) + " " + field(1, 12) + " " + field(0, 7);
    CAPTURE(text);
    auto c = parsed(text);
    auto from = at(2000 + pick(0, 150), static_cast<unsigned>(pick(1, 12)), static_cast<unsigned>(pick(1, 28)),
                   pick(0, 23), pick(0, 59)) +
                pick(0, 59'999);
    auto next = next_time(c, from);
    REQUIRE(next);
    CHECK(*next > from);
    CHECK(*next % 60'000 == 0);
    CHECK(fits(c, *next));
    auto early = 0;
    for (auto t = from / 60'000 * 60'000 + 60'000; t < *next && t < from + 3LL * 86'400'000; t += 60'000)
      early += fits(c, t);
    CHECK(early == 0);
  }
}
