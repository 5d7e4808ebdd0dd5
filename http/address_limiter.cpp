// Both windows begin with their first request.
#include "http/address_limiter.hpp"

#include <algorithm>
#include <utility>

namespace troupe {

namespace {

constexpr size_t generation_max = 32'768;
constexpr int64_t minute_ms = 60'000, second_ms = 1'000;

}  // namespace

address_limiter::visits& address_limiter::of(const address& who) {
  if (auto found = young_.find(who); found != young_.end()) return found->second;
  if (young_.size() >= generation_max) old_ = std::exchange(young_, {});
  auto& fresh = young_[who];
  if (auto found = old_.find(who); found != old_.end()) fresh = found->second;
  return fresh;
}

int64_t address_limiter::refused_ms(std::string_view ip, int64_t now_ms) {
  if (per_minute_ == 0) return 0;
  address who{parse_ip(ip).value_or(ip_bytes{})};
  if (!is_v4(who.bytes)) std::fill(who.bytes.begin() + 8, who.bytes.end(), uint8_t{0});
  std::lock_guard lock{guard_};
  auto& v = of(who);
  auto left = [&](window& w, int64_t length_ms, int64_t most) {
    if (now_ms < w.start_ms || now_ms >= w.start_ms + length_ms) w = {now_ms, 0};
    return w.count < most ? 0 : w.start_ms + length_ms - now_ms;
  };
  auto wait_ms = std::max(left(v.minute, minute_ms, per_minute_), left(v.second, second_ms, burst_));
  if (wait_ms > 0) return wait_ms;
  v.minute.count += 1;
  v.second.count += 1;
  return 0;
}

size_t address_limiter::size() const {
  std::lock_guard lock{guard_};
  return young_.size() + old_.size();
}

}  // namespace troupe
