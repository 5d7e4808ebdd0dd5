// Products through 128 bits; every division is commented with what it divides by.
#include "model/gpu_cost.hpp"

#include <algorithm>
#include <cassert>
#include <limits>

namespace troupe {

namespace {

using wide = __int128;
using std::chrono::nanoseconds;

// A rate per hour is a whole number of 1 / 16'000'000 nano-units: the base is multiplied by a count of 1/1'000'000,
// VRAM is divided by 1024 MB and power by 1000 W, and 16'000'000 = 1'000'000 * 16 = 1024 * 15'625 = 1000 * 16'000.
constexpr int64_t rate_scale = 16'000'000;
constexpr wide hour_scale = wide{rate_scale} * 3'600'000'000'000;  // for a time in nanoseconds

struct rate_parts {
  wide base = 0, vram = 0, power = 0;
};

/// At most 9.2e18 * 2e6 * 16, 9.2e18 * 1.7e7 * 15'625 and 9.2e18 * 1e6 * 16'000: each below 3e30.
rate_parts rates_of(const gpu_terms& t) {
  assert(t.base >= 0 && t.vram_gb_hour >= 0 && t.power_kwh >= 0);
  assert(t.vram_mb >= 0 && t.vram_mb <= share_mb_max && t.power_w >= 0 && t.power_w <= share_watts_max);
  assert(t.demand_ppm >= 0 && t.demand_ppm <= demand_ppm_max && t.bonus_ppm >= 0);
  auto factor = std::max(t.demand_ppm - t.bonus_ppm, ppm / 2);
  return {wide{t.base} * factor * 16, wide{t.vram_gb_hour} * t.vram_mb * 15'625,
          wide{t.power_kwh} * t.power_w * 16'000};
}

/// ceil(rate * time / hour_scale) without the product, which may not fit: the whole units of the rate first.
std::optional<amount> over(wide rate, nanoseconds time) {
  assert(time.count() >= 0);
  auto whole = rate / hour_scale * time.count();  // < 1e11 * 9.2e18
  auto part = rate % hour_scale;                  // < 5.8e19, so the next product is below 1.7e38 for 93 years
  if (time.count() > std::numeric_limits<wide>::max() / hour_scale - 1) return std::nullopt;
  auto sum = whole + (part * time.count() + hour_scale - 1) / hour_scale;
  if (sum > std::numeric_limits<amount>::max()) return std::nullopt;
  return static_cast<amount>(sum);
}

}  // namespace

gpu_terms terms_of(const price_book& book, amount base, int64_t vram_mb, int64_t power_w) {
  gpu_terms t;
  t.base = base;
  t.vram_gb_hour = book.vram_gb_hour;
  t.power_kwh = book.power_kwh;
  t.vram_mb = vram_mb;
  t.power_w = power_w;
  t.fee_bps = book.fee_bps;
  t.fee_inclusive = book.fee_inclusive;
  return t;
}

std::optional<bill> bill_of(amount subtotal, int64_t fee_bps, bool fee_inclusive) {
  auto fee = mul_div_ceil(subtotal, fee_bps, 10'000);
  if (!fee) return std::nullopt;
  if (fee_inclusive) return bill{subtotal, *fee, subtotal, subtotal - *fee};
  auto total = checked_add(subtotal, *fee);
  if (!total) return std::nullopt;
  return bill{subtotal, *fee, *total, subtotal};
}

std::optional<amount> cost_of(const gpu_terms& t, nanoseconds time) {
  auto r = rates_of(t);
  return over(r.base + r.vram + r.power, time);
}

/// Each part is what its cause adds to the rounded sum of those before it.
std::optional<cost_parts> parts_of(const gpu_terms& t, nanoseconds time) {
  auto r = rates_of(t);
  auto base = over(r.base, time);
  auto with_vram = over(r.base + r.vram, time);
  auto all = over(r.base + r.vram + r.power, time);
  if (!base || !with_vram || !all) return std::nullopt;
  return cost_parts{*base, *with_vram - *base, *all - *with_vram};
}

std::optional<amount> due_now(const gpu_terms& t, nanoseconds so_far, amount charged) {
  auto all = cost_of(t, so_far);
  if (!all) return std::nullopt;
  return std::max<amount>(0, *all - charged);
}

int64_t demand_ppm_of(int64_t waiting, int64_t free) {
  auto rise = mul_div_floor(ppm / 2, waiting, std::max<int64_t>(1, free)).value_or(ppm);
  return ppm + std::min(ppm, rise);
}

int64_t bonus_ppm_of(int64_t waiting, int64_t free, int64_t all) {
  if (waiting > 0 || all <= 0) return 0;
  return mul_div_floor(bonus_ppm_max, free, all).value_or(0);
}

amount device_rate(amount node_rate, const std::vector<amount>& book_rates, size_t which) {
  assert(which < book_rates.size());
  auto known = std::all_of(book_rates.begin(), book_rates.end(), [](amount x) { return x > 0; });
  wide sum = 0;
  for (auto rate : book_rates) sum += known ? rate : 1;
  auto part = wide{node_rate} * (known ? book_rates[which] : 1);
  return static_cast<amount>((part + sum - 1) / sum);
}

}  // namespace troupe
