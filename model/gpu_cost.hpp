// What a share of a GPU costs for a time: exact, in integers, divided once and rounded once. How the fee is split off.
#pragma once

#include <chrono>
#include <optional>
#include <vector>

#include "model/price_book.hpp"

namespace troupe {

inline constexpr int64_t ppm = 1'000'000;
inline constexpr int64_t demand_ppm_max = 2 * ppm;
inline constexpr int64_t bonus_ppm_max = ppm / 2;
inline constexpr int64_t share_mb_max = 16 * 1024 * 1024;
inline constexpr int64_t share_watts_max = 1'000'000;
inline constexpr int64_t rent_hours_max = 366 * 24;

/// All that the price of a share depends on besides the time.
struct gpu_terms {
  amount base = 0;  // nano-units per hour, before demand
  amount vram_gb_hour = 0, power_kwh = 0;
  int64_t vram_mb = 0, power_w = 0;
  int64_t demand_ppm = ppm;  // the base is multiplied by this ...
  int64_t bonus_ppm = 0;     // ... less this, but never below one half
  int64_t fee_bps = 0;
  bool fee_inclusive = false;
  friend bool operator==(const gpu_terms&, const gpu_terms&) = default;
};

/// The book's terms for a share: its VRAM and power rates, its fee.
gpu_terms terms_of(const price_book&, amount base, int64_t vram_mb, int64_t power_w);

/// How the money of a bill is split. on_top: total = subtotal + fee, the provider gets the subtotal.
/// inclusive: total = subtotal, the provider gets it less the fee. The fee is rounded up.
struct bill {
  amount subtotal = 0, fee = 0, total = 0, earnings = 0;
  friend bool operator==(const bill&, const bill&) = default;
};
std::optional<bill> bill_of(amount subtotal, int64_t fee_bps, bool fee_inclusive);

/// The subtotal by its causes; rounded so that the three add up to it.
struct cost_parts {
  amount base = 0, vram = 0, power = 0;
  amount subtotal() const { return base + vram + power; }
};

/// ceil((base x demand + vram + power) x time). Nothing when it does not fit.
/// REQUIRES: nothing in the terms is negative, vram_mb, power_w and demand_ppm within the bounds above, time >= 0.
std::optional<amount> cost_of(const gpu_terms&, std::chrono::nanoseconds time);
std::optional<cost_parts> parts_of(const gpu_terms&, std::chrono::nanoseconds time);

/// For what is metered while it runs: whoever charges cost_of(all the time so far) less what is charged already, at
/// whatever moments, has charged cost_of(the whole time) in the end. Nothing to charge when the clock went back.
std::optional<amount> due_now(const gpu_terms&, std::chrono::nanoseconds so_far, amount charged);

/// 1 + half of what is waiting for each free device, at most 2. REQUIRES: counts >= 0.
int64_t demand_ppm_of(int64_t waiting, int64_t free);
/// Half of the share of devices that are idle, while nothing waits. REQUIRES: 0 <= free <= all.
int64_t bonus_ppm_of(int64_t waiting, int64_t free, int64_t all);

/// What one device of a node costs when the node as a whole has a rate of its own: in proportion to the book's rates,
/// in equal parts when the book does not know them all. Rounded up.
amount device_rate(amount node_rate, const std::vector<amount>& book_rates, size_t which);

}  // namespace troupe
