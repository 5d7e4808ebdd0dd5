// Tiers and windows: exact numbers, whatever comes when; and the same as a naive meter says, request by request.
#include "model/rate_limits.hpp"

#include <doctest/doctest.h>

#include <random>
#include <set>

#include "model/tiers.hpp"

namespace troupe {

namespace {

constexpr time_ms begin = 1'800'000'000'000;
const rate_rules free_tier = rules_of("default", "free");

rate_request plain(int64_t place = 0, bool stream = false) { return {{"", place, stream}, "", 0}; }

/// How many of `tries` requests, `pause_ms` apart, are let in.
int admitted(rate_meter& m, const rate_rules& rules, int tries, int64_t pause_ms, time_ms from) {
  int count = 0;
  for (int i = 0; i < tries; ++i) count += m.ask(rules, plain(), from + i * pause_ms).admitted ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("20 requests a second for a minute on the free tier: exactly 10 are let in, and again in the next") {
  rate_meter m;
  CHECK(admitted(m, free_tier, 60 * 20, 50, begin) == 10);
  CHECK(admitted(m, free_tier, 60 * 20, 50, begin + 60'000) == 10);
}

TEST_CASE("a window begins with its first request, not with the clock's minute") {
  rate_meter m;
  auto late = begin + 59'900;
  CHECK(admitted(m, {3}, 5, 1, late) == 3);
  CHECK_FALSE(m.ask({3}, plain(), late + 59'999).admitted);
  CHECK(m.ask({3}, plain(), late + 60'000).admitted);
}

TEST_CASE("burst counts any second, wherever it begins") {
  rate_meter m;
  rate_rules five{1'000, 0, 0, 5};
  CHECK(admitted(m, five, 4, 1, begin) == 4);
  CHECK(m.ask(five, plain(), begin + 900).admitted);
  auto refused = m.ask(five, plain(), begin + 950);
  CHECK_FALSE(refused.admitted);
  CHECK(refused.retry_ms == 50);
  CHECK(refused.settled_ms == 50);
  CHECK(admitted(m, five, 6, 1, begin + 1'000) == 4);  // the one of 900 counts until 1900
}

TEST_CASE("all windows at once: who has used up the day waits for the day, whatever the minute says") {
  rate_meter m;
  rate_rules rules{10, 15, 20};
  CHECK(admitted(m, rules, 30, 1, begin) == 10);
  CHECK(admitted(m, rules, 30, 1, begin + 60'000) == 5);
  CHECK(admitted(m, rules, 30, 1, begin + 3'600'000) == 5);
  auto v = m.ask(rules, plain(), begin + 2 * 3'600'000);
  CHECK_FALSE(v.admitted);
  CHECK(v.why == "20 requests a day");
  CHECK(v.limit == 20);
  CHECK(v.remaining == 0);
  CHECK(v.reset_ms == begin + 24 * 3'600'000);
  CHECK(v.retry_ms == 22 * 3'600'000);
}

TEST_CASE("what is told is the window with the least left") {
  rate_meter m;
  auto v = m.ask(free_tier, plain(), begin);
  CHECK(v.limit == 10);
  CHECK(v.remaining == 9);
  CHECK(v.reset_ms == begin + 60'000);
  rate_meter old;
  old.learn({{}, {}, {begin - 1, 95}, {}});
  v = old.ask(free_tier, plain(), begin);
  CHECK(v.limit == 100);
  CHECK(v.remaining == 4);
}

TEST_CASE("places are given back by whoever took them, and a gateway that is gone holds none") {
  rate_meter m;
  rate_rules two{0, 0, 0, 0, 2, 1};
  CHECK(m.ask(two, {{"a", 1}, "", 0}, begin).placed);
  CHECK(m.ask(two, {{"b", 1}, "", 0}, begin).placed);
  auto refused = m.ask(two, {{"a", 2}, "", 0}, begin);
  CHECK_FALSE(refused.admitted);
  CHECK(refused.why == "2 requests at a time");
  CHECK(refused.settled_ms == 0);                              // one may end at any moment
  CHECK(m.ask(two, {{"a", 3, true}, "", 0}, begin).admitted);  // streams are counted by themselves
  CHECK_FALSE(m.ask(two, {{"a", 4, true}, "", 0}, begin).admitted);
  m.give_back("b", 1);
  CHECK(m.places() == std::vector<rate_place>{{"a", 1}, {"a", 3, true}});
  CHECK(m.ask(two, {{"a", 5}, "", 0}, begin).admitted);
  m.give_back_all("a");
  CHECK(m.places().empty());
  m.hold({"c", 9});
  m.hold({"c", 9});
  CHECK(m.places().size() == 1);
}

TEST_CASE("a key has a minute of its own, and being refused for it costs nothing") {
  rate_meter m;
  rate_request by_key{{}, "key_1", 2};
  CHECK(m.ask({10}, by_key, begin).admitted);
  CHECK(m.ask({10}, by_key, begin).limit == 2);
  auto v = m.ask({10}, by_key, begin);
  CHECK_FALSE(v.admitted);
  CHECK(v.why == "2 requests a minute of this key");
  CHECK(m.ask({10}, {{}, "key_2", 2}, begin).admitted);
  CHECK(m.counts().minute.count == 3);
  CHECK(m.counts().keys.at("key_1").count == 2);
}

TEST_CASE("a clock that is set back makes nobody wait longer than the window is") {
  rate_meter m;
  CHECK(admitted(m, {3}, 3, 1, begin) == 3);
  auto v = m.ask({3}, plain(), begin - 7 * 24 * 3'600'000LL);
  CHECK_FALSE(v.admitted);
  CHECK(v.retry_ms <= 60'000);
}

TEST_CASE("tiers: the contract's table, aliases, the originals' profiles: one that nobody knows is free") {
  CHECK(rules_of("default", "free") == rate_rules{10, 0, 100, 5, 2, 1});
  CHECK(rules_of("default", "standard") == rate_rules{60, 1'000, 10'000, 20, 5, 2});
  CHECK(rules_of("default", "basic").per_minute == 100);
  CHECK(rules_of("default", "premium") == rules_of("default", "pro"));
  CHECK(rules_of("default", "enterprise") == rate_rules{1'000, 10'000, 0, 500, 100, 100});
  CHECK(rules_of("default", "gold") == free_tier);
  CHECK_FALSE(rules_of("sprint", "unlimited").bounded());
  CHECK(rules_of("fabstir", "pro").per_minute == 1'000);
  CHECK(rules_of("aivillage", "premium").per_hour == 5'000);
  CHECK(rules_of("sprint", "pro").per_minute == 100);
  CHECK(rules_of("default", "sprint/pro") == rules_of("sprint", "pro"));
  CHECK(rules_of("sprint", "standard") == rules_of("default", "standard"));
  for (auto tier : {"free", "basic", "unlimited", "sprint/pro", "aivillage/premium"}) CHECK(known_tier(tier));
  for (auto bad : {"", "gold", "sprint/", "/pro", "sprint/unlimited", "sprint/standard", "gold/pro"})
    CHECK_FALSE(known_tier(bad));
  CHECK(known_profile("aivillage"));
  CHECK_FALSE(known_profile("gold"));
}

namespace {

/// Says the same in the plainest way: remembers every request that was let in, and walks through all of them each time.
struct naive_meter {
  struct visit {
    time_ms at;
    std::string key;
  };
  std::vector<visit> visits;
  std::set<int64_t> requests, streams;

  int64_t in_window(time_ms now, int64_t length, const std::string& key) const {
    time_ms start = 0;
    int64_t count = 0;
    for (auto& v : visits) {
      if (!key.empty() && v.key != key) continue;
      if (count == 0 || v.at >= start + length) start = v.at, count = 0;
      ++count;
    }
    return count > 0 && now < start + length ? count : 0;
  }
  bool ask(const rate_rules& r, const rate_request& x, time_ms now) {
    int64_t second = 0;
    for (auto& v : visits) second += v.at > now - 1'000 ? 1 : 0;
    auto full = [](int64_t have, int64_t most) { return most > 0 && have >= most; };
    if (full(in_window(now, 60'000, ""), r.per_minute) || full(in_window(now, 3'600'000, ""), r.per_hour) ||
        full(in_window(now, 86'400'000, ""), r.per_day) || full(second, r.burst) ||
        full(in_window(now, 60'000, x.key_id), x.key_per_minute))
      return false;
    auto& places = x.place.stream ? streams : requests;
    if (full(std::ssize(places), x.place.stream ? r.streams : r.concurrent)) return false;
    visits.push_back({now, x.key_id});
    places.insert(x.place.number);
    return true;
  }
};

}  // namespace

TEST_CASE("what the meter lets in is what the naive one lets in, request by request") {
  for (unsigned seed = 1; seed <= 40; ++seed) {
    std::mt19937 random{seed};
    auto pick = [&](int64_t most) { return static_cast<int64_t>(random() % static_cast<unsigned>(most)); };
    rate_rules rules{1 + pick(20), pick(2) * (10 + pick(60)), pick(2) * (30 + pick(100)), 1 + pick(6), 1 + pick(4),
                     1 + pick(3)};
    rate_meter meter;
    naive_meter naive;
    auto now = begin;
    for (int64_t i = 1; i <= 600; ++i) {
      now += pick(100) == 0 ? pick(4'000'000) : pick(5) == 0 ? pick(30'000) : pick(400);
      if (pick(3) == 0) {
        auto stream = pick(2) == 0;
        auto& places = stream ? naive.streams : naive.requests;
        if (!places.empty()) {
          meter.give_back("", *places.begin());
          places.erase(places.begin());
        }
      }
      rate_request x{{"", i, pick(5) == 0}, pick(2) == 0 ? "key_1" : "key_2", 3 + pick(2) * 5};
      auto v = meter.ask(rules, x, now);
      INFO("seed ", seed, " request ", i);
      REQUIRE(v.admitted == naive.ask(rules, x, now));
      if (v.admitted) continue;
      REQUIRE(v.retry_ms > 0);
      if (v.settled_ms > 0) {  // surely refused until then
        auto copy = meter;
        REQUIRE_FALSE(copy.ask(rules, x, now + v.settled_ms - 1).admitted);
      }
    }
  }
}

}  // namespace troupe
