// Timetables against the clock: in time, late, missed, paused, over.
#include "model/schedule.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

constexpr time_ms hour = 3'600'000;
constexpr time_ms day = 24 * hour;
constexpr time_ms midnight = 20'000 * day;

schedule hourly() {
  schedule s;
  s.cron = "@hourly";
  s.next_ms = midnight + hour;
  return s;
}

}  // namespace

TEST_CASE("a schedule fires within its bounds, and never while it is paused") {
  auto s = hourly();
  CHECK(next_firing(s, midnight) == midnight + hour);
  CHECK(next_firing(s, midnight - 1) == midnight);
  s.start_ms = midnight + 5 * hour;
  CHECK(next_firing(s, midnight) == midnight + 5 * hour);
  s.end_ms = midnight + 6 * hour;
  CHECK(next_firing(s, midnight + 5 * hour) == midnight + 6 * hour);
  CHECK(next_firing(s, midnight + 6 * hour) == 0);
  s.enabled = false;
  CHECK(next_firing(s, midnight) == 0);
}

TEST_CASE("a firing that is a little late is made, one that is too late only by a schedule that catches up") {
  auto s = hourly();
  CHECK_FALSE(look_at(s, s.next_ms).missed);
  CHECK_FALSE(look_at(s, s.next_ms + firing_slack_ms).missed);
  CHECK(look_at(s, s.next_ms + firing_slack_ms + 1).missed);
  s.catch_up = catch_up_rule::one;
  CHECK_FALSE(look_at(s, s.next_ms + 30 * day + 30 * 60'000).missed);
}

TEST_CASE("after any absence it is the newest time that counts, once") {
  auto s = hourly();
  for (time_ms late : {hour, 7 * hour, 2 * day, 40 * day, 400 * day, 4'000 * day}) {
    CAPTURE(late);
    auto due = look_at(s, s.next_ms + late + 5);
    CHECK(due.fire_ms == s.next_ms + late);
    CHECK_FALSE(due.missed);
  }
  s.cron = "0 0 29 2 *";
  s.next_ms = next_firing(s, midnight);
  auto after = look_at(s, next_firing(s, s.next_ms) + day);
  CHECK(after.fire_ms == next_firing(s, s.next_ms));
  CHECK(after.missed);
}

TEST_CASE("the words of the rules are read as they are written") {
  for (auto x : {overlap_rule::allow, overlap_rule::skip, overlap_rule::cancel_previous})
    CHECK(parse_overlap(to_string(x)) == x);
  for (auto x : {catch_up_rule::none, catch_up_rule::one}) CHECK(parse_catch_up(to_string(x)) == x);
  CHECK_FALSE(parse_overlap("Skip"));
  CHECK_FALSE(parse_catch_up(""));
}
