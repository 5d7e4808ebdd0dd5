// Days, months and the ceilings that are counted in them.
#include "model/spending.hpp"

#include <doctest/doctest.h>

using namespace troupe;

TEST_CASE("a day and a month are those of UTC") {
  CHECK(day_of(0) == "1970-01-01");
  CHECK(day_of(1'763'769'599'999) == "2025-11-21");
  CHECK(day_of(1'763'769'600'000) == "2025-11-22");
  CHECK(month_of(1'709'164'800'000) == "2024-02");
  CHECK(day_of(1'709'164'800'000) == "2024-02-29");
}

TEST_CASE("a day is read back, and nothing else is a day") {
  CHECK(parse_day("2025-11-22") == 1'763'769'600'000);
  CHECK(parse_day("1970-01-01") == 0);
  CHECK(parse_day("2024-02-29"));
  for (auto text : {"", "2025-02-29", "2025-13-01", "2025-00-01", "2025-01-00", "2025-1-1", "25-01-01", "2025/01/01",
                    "2025-01-0a", "2025-01-011", "1969-12-31", "-025-01-01", "2025-01-+1"})
    CHECK_FALSE(parse_day(text));
}

TEST_CASE("a hold counts in the ceilings of its asset, of its day, of its month and of all time") {
  std::vector<spend_limit> limits{{"user:ann", "day", asset::dgpu, 5},
                                  {"user:ann", "month", asset::dgpu, 50},
                                  {"key:k", "total", asset::dgpu, 500},
                                  {"user:ann", "day", asset::credit, 7}};
  auto guards = guards_of(limits, asset::dgpu, 1'763'769'600'000);
  REQUIRE(guards.size() == 3);
  CHECK(guards[0].scope == "user:ann");
  CHECK(guards[0].period == "2025-11-22");
  CHECK(guards[0].limit == 5);
  CHECK(guards[1].period == "2025-11");
  CHECK(guards[2].scope == "key:k");
  CHECK(guards[2].period.empty());
  CHECK(guards_of(limits, asset::fog, 0).empty());
}
