// Every bound is looked at before anything is counted.
#include "model/rate_limits.hpp"

#include <algorithm>

#include "model/tiers.hpp"

namespace troupe {

namespace {

constexpr int64_t second_ms = 1'000, minute_ms = 60'000, hour_ms = 60 * minute_ms, day_ms = 24 * hour_ms;
constexpr int64_t busy_retry_ms = 1'000;
constexpr size_t keys_max = 1'000;  // minutes of keys that are kept

struct tier_row {
  std::string_view profile, tier;
  rate_rules rules;
};

// A profile has only what differs; the rest is as in `default`. The numbers are the originals'.
constexpr tier_row tiers[] = {
    {"default", "free", {10, 0, 100, 5, 2, 1}},
    {"default", "standard", {60, 1'000, 10'000, 20, 5, 2}},
    {"default", "basic", {100, 1'000, 10'000, 20, 5, 2}},
    {"default", "pro", {200, 5'000, 100'000, 50, 10, 5}},
    {"default", "premium", {200, 5'000, 100'000, 50, 10, 5}},
    {"default", "enterprise", {1'000, 10'000, 0, 500, 100, 100}},
    {"fabstir", "basic", {100, 0, 10'000, 20, 5, 2}},
    {"fabstir", "standard", {100, 0, 10'000, 20, 5, 2}},
    {"fabstir", "pro", {1'000, 0, 100'000, 50, 10, 5}},
    {"fabstir", "premium", {1'000, 0, 100'000, 50, 10, 5}},
    {"fabstir", "enterprise", {10'000, 0, 0, 500, 100, 100}},
    {"aivillage", "standard", {60, 1'000, 0, 20, 5, 2}},
    {"aivillage", "basic", {60, 1'000, 0, 20, 5, 2}},
    {"aivillage", "premium", {200, 5'000, 0, 50, 10, 5}},
    {"aivillage", "pro", {200, 5'000, 0, 50, 10, 5}},
    {"aivillage", "enterprise", {500, 10'000, 0, 500, 100, 100}},
    {"sprint", "free", {10, 0, 0, 5, 2, 1}},
    {"sprint", "pro", {100, 10'000, 0, 50, 10, 5}},
    {"sprint", "premium", {100, 10'000, 0, 50, 10, 5}},
    {"sprint", "enterprise", {1'000, 100'000, 0, 500, 100, 100}},
};

const tier_row* find_tier(std::string_view profile, std::string_view tier) {
  auto found = std::find_if(std::begin(tiers), std::end(tiers),
                            [&](const tier_row& x) { return x.profile == profile && x.tier == tier; });
  return found == std::end(tiers) ? nullptr : found;
}

/// Over, or of a clock that was set back: then it goes on from now, for nobody may wait longer than the window is.
void refresh(rate_window& w, int64_t length_ms, time_ms now_ms) {
  if (w.start_ms > now_ms) w.start_ms = now_ms;
  if (w.count > 0 && now_ms >= w.start_ms + length_ms) w = {};
}

struct bound {
  rate_window* window;
  int64_t length_ms, limit;
  const char* what;
};

void count(rate_window& w, time_ms now_ms) {
  if (w.count++ == 0) w.start_ms = now_ms;
}

void refuse(rate_verdict& v, int64_t retry_ms, std::string why) {
  if (v.admitted || retry_ms > v.retry_ms) v.why = std::move(why);
  v.retry_ms = std::max(v.retry_ms, retry_ms);
  v.admitted = false;
}

}  // namespace

bool known_profile(std::string_view x) {
  return std::any_of(std::begin(tiers), std::end(tiers), [&](const tier_row& t) { return t.profile == x; });
}

bool known_tier(std::string_view tier) {
  auto slash = tier.find('/');
  if (slash == std::string_view::npos) return tier == "unlimited" || find_tier("default", tier) != nullptr;
  return find_tier(tier.substr(0, slash), tier.substr(slash + 1)) != nullptr;
}

rate_rules rules_of(std::string_view profile, std::string_view tier) {
  auto slash = tier.find('/');
  if (slash != std::string_view::npos && known_profile(tier.substr(0, slash))) {
    profile = tier.substr(0, slash);
    tier.remove_prefix(slash + 1);
  }
  if (tier == "unlimited") return {};
  for (auto* row : {find_tier(profile, tier), find_tier("default", tier), find_tier(profile, "free")})
    if (row != nullptr) return row->rules;
  return find_tier("default", "free")->rules;
}

void rate_meter::open_windows(time_ms now_ms) {
  refresh(counts_.minute, minute_ms, now_ms);
  refresh(counts_.hour, hour_ms, now_ms);
  refresh(counts_.day, day_ms, now_ms);
  for (auto& [id, w] : counts_.keys) refresh(w, minute_ms, now_ms);
  if (counts_.keys.size() > keys_max) std::erase_if(counts_.keys, [](auto& x) { return x.second.count == 0; });
  while (!second_.empty() && (second_.front() + second_ms <= now_ms || second_.front() > now_ms)) second_.pop_front();
}

int64_t rate_meter::held(bool stream) const {
  return std::count_if(places_.begin(), places_.end(), [&](const rate_place& x) { return x.stream == stream; });
}

rate_verdict rate_meter::ask(const rate_rules& rules, const rate_request& r, time_ms now_ms) {
  open_windows(now_ms);
  auto by_key = r.key_per_minute > 0 && !r.key_id.empty();
  bound bounds[] = {
      {&counts_.minute, minute_ms, rules.per_minute, "requests a minute"},
      {&counts_.hour, hour_ms, rules.per_hour, "requests an hour"},
      {&counts_.day, day_ms, rules.per_day, "requests a day"},
      {by_key ? &counts_.keys[r.key_id] : nullptr, minute_ms, r.key_per_minute, "requests a minute of this key"}};
  rate_verdict v;
  for (auto& b : bounds)
    if (b.limit > 0 && b.window != nullptr && b.window->count >= b.limit)
      refuse(v, b.window->start_ms + b.length_ms - now_ms, std::to_string(b.limit) + ' ' + b.what);
  if (rules.burst > 0 && std::ssize(second_) >= rules.burst)
    refuse(v, second_[second_.size() - static_cast<size_t>(rules.burst)] + second_ms - now_ms,
           std::to_string(rules.burst) + " requests within a second");
  v.settled_ms = v.retry_ms;
  auto places = r.place.number == 0 ? 0 : r.place.stream ? rules.streams : rules.concurrent;
  if (places > 0 && held(r.place.stream) >= places)
    refuse(v, busy_retry_ms, std::to_string(places) + (r.place.stream ? " open streams" : " requests at a time"));
  if (v.admitted) {
    for (auto& b : bounds)
      if (b.window != nullptr) count(*b.window, now_ms);
    if (rules.burst > 0) second_.push_back(now_ms);
    if (places > 0) hold(r.place);
    v.placed = places > 0;
  }
  for (auto& b : bounds) {
    if (b.limit == 0 || b.window == nullptr) continue;
    auto left = std::max<int64_t>(0, b.limit - b.window->count);
    auto ends_ms = (b.window->count == 0 ? now_ms : b.window->start_ms) + b.length_ms;
    if (v.limit != 0 && (left > v.remaining || (left == v.remaining && ends_ms <= v.reset_ms))) continue;
    v.limit = b.limit;
    v.remaining = left;
    v.reset_ms = ends_ms;
  }
  return v;
}

void rate_meter::hold(const rate_place& x) {
  if (std::find(places_.begin(), places_.end(), x) == places_.end()) places_.push_back(x);
}

void rate_meter::give_back(const std::string& gateway, int64_t number) {
  std::erase_if(places_, [&](const rate_place& x) { return x.number == number && x.gateway == gateway; });
}

void rate_meter::give_back_all(const std::string& gateway) {
  std::erase_if(places_, [&](const rate_place& x) { return x.gateway == gateway; });
}

bool rate_meter::at_rest(time_ms now_ms) const {
  auto over = [&](const rate_window& w, int64_t length_ms) { return w.count == 0 || now_ms >= w.start_ms + length_ms; };
  return places_.empty() && over(counts_.minute, minute_ms) &&
         (second_.empty() || second_.back() + second_ms <= now_ms);
}

}  // namespace troupe
