// The GPU formula to the last unit: the vectors of the reference, and laws that hold for any terms and any ticks.
#include "model/gpu_cost.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace troupe;
using namespace std::chrono_literals;

namespace {

constexpr amount most = INT64_MAX;

gpu_terms share(std::string_view gpu, int64_t vram_mb, int64_t watts) {
  price_book book;
  return terms_of(book, book.find_gpu(gpu)->rate, vram_mb, watts);
}

bill on_top(const gpu_terms& t, std::chrono::nanoseconds time) {
  return bill_of(cost_of(t, time).value(), t.fee_bps, false).value();
}

/// The reference's own form: ceil(N s / (1024 * 3600)).
amount by_the_book(const gpu_terms& t, int64_t seconds) {
  auto n = static_cast<__int128>(t.base) * 1024 + static_cast<__int128>(20'000'000) * t.vram_mb +
           static_cast<__int128>(1'024'000) * t.power_w;
  return static_cast<amount>((n * seconds + 1024 * 3600 - 1) / (1024 * 3600));
}

std::mt19937_64 random_numbers{17};
int64_t up_to(int64_t bound) { return static_cast<int64_t>(random_numbers() % (static_cast<uint64_t>(bound) + 1)); }

gpu_terms any_terms() {
  gpu_terms t;
  t.base = up_to(10 * one);
  t.vram_gb_hour = up_to(one / 10);
  t.power_kwh = up_to(one / 100);
  t.vram_mb = up_to(200'000);
  t.power_w = up_to(1'000);
  t.demand_ppm = ppm + up_to(ppm);
  t.bonus_ppm = up_to(bonus_ppm_max);
  t.fee_bps = up_to(10'000);
  t.fee_inclusive = up_to(1) == 1;
  return t;
}

}  // namespace

TEST_CASE("the vectors of the reference hold to the last unit") {
  auto rtx = share("rtx-4090", 24'576, 450);
  CHECK(on_top(rtx, 3600s) == bill{980'450'000, 49'022'500, 1'029'472'500, 980'450'000});
  CHECK(on_top(rtx, 60s) == bill{16'340'834, 817'042, 17'157'876, 16'340'834});
  CHECK(on_top(rtx, 61s) == bill{16'613'181, 830'660, 17'443'841, 16'613'181});
  CHECK(on_top(rtx, 1s) == bill{272'348, 13'618, 285'966, 272'348});
  CHECK(on_top(share("a100", 81'920, 400), 9000s) == bill{9'001'000'000, 450'050'000, 9'451'050'000, 9'001'000'000});
  CHECK(on_top(share("h100", 81'920, 700), 3600s) == bill{5'600'700'000, 280'035'000, 5'880'735'000, 5'600'700'000});
  CHECK(on_top(share("m2-ultra", 65'536, 200), 1800s) == bill{915'100'000, 45'755'000, 960'855'000, 915'100'000});
}

TEST_CASE("the worked example: what two hours hold, and how ninety minutes share it") {
  auto rtx = share("rtx-4090", 24'576, 450);
  auto hold = on_top(rtx, 2h).total;
  auto paid = on_top(rtx, 90min);
  CHECK(hold == 2'058'945'000);
  CHECK(paid.earnings == 1'470'675'000);
  CHECK(paid.fee == 73'533'750);
  CHECK(hold - paid.total == 514'736'250);
  CHECK(bill_of(1'470'675'000, 500, true) == bill{1'470'675'000, 73'533'750, 1'470'675'000, 1'397'141'250});
}

TEST_CASE("for any share and any whole seconds the price is the formula's") {
  for (int i = 0; i < 100'000; ++i) {
    auto t = any_terms();
    t.vram_gb_hour = one / 50;
    t.power_kwh = one / 1000;
    t.demand_ppm = ppm;
    t.bonus_ppm = 0;
    auto seconds = up_to(100 * 3600);
    CAPTURE(t.base);
    CAPTURE(t.vram_mb);
    CAPTURE(t.power_w);
    CAPTURE(seconds);
    REQUIRE(cost_of(t, std::chrono::seconds{seconds}) == by_the_book(t, seconds));
  }
}

TEST_CASE("whoever charges at any moments has charged the one price in the end") {
  for (int i = 0; i < 2'000; ++i) {
    auto t = any_terms();
    std::chrono::nanoseconds so_far{0};
    amount charged = 0;
    auto ticks = up_to(100);
    for (int64_t k = 0; k < ticks; ++k) {
      so_far += std::chrono::nanoseconds{up_to(100'000'000'000)};
      auto due = due_now(t, so_far, charged).value();
      REQUIRE(due >= 0);
      charged += due;
      REQUIRE(due_now(t, so_far, charged) == 0);
    }
    REQUIRE(charged == cost_of(t, so_far));
  }
  auto odd = share("rtx-4090", 1'000, 333);  // 50 units too much an hour when each minute is rounded by itself
  amount by_minutes = 0;
  for (int minute = 0; minute < 60; ++minute) by_minutes += cost_of(odd, 60s).value();
  CHECK(by_minutes - cost_of(odd, 1h).value() == 50);
}

TEST_CASE("the parts add up to the price, and the fee is split off without a remainder") {
  for (int i = 0; i < 50'000; ++i) {
    auto t = any_terms();
    std::chrono::milliseconds time{up_to(100'000'000)};
    auto parts = parts_of(t, time).value();
    REQUIRE(parts.subtotal() == cost_of(t, time));
    REQUIRE(std::min({parts.base, parts.vram, parts.power}) >= 0);
    auto b = bill_of(parts.subtotal(), t.fee_bps, t.fee_inclusive).value();
    REQUIRE(b.total == b.earnings + b.fee);
    REQUIRE((t.fee_inclusive ? b.total : b.earnings) == b.subtotal);
    REQUIRE(static_cast<__int128>(b.fee) * 10'000 >= static_cast<__int128>(b.subtotal) * t.fee_bps);
    REQUIRE(static_cast<__int128>(b.fee - 1) * 10'000 < static_cast<__int128>(b.subtotal) * t.fee_bps);
  }
}

TEST_CASE("demand doubles the base at most, a bonus halves it at most, and the rest stays as it is") {
  gpu_terms t;
  t.base = one;
  t.vram_gb_hour = one / 50;
  t.vram_mb = 1024;
  auto base_at = [&](int64_t demand, int64_t bonus) {
    t.demand_ppm = demand;
    t.bonus_ppm = bonus;
    CHECK(parts_of(t, 1h)->vram == one / 50);
    return parts_of(t, 1h)->base;
  };
  CHECK(base_at(ppm, 0) == one);
  CHECK(base_at(1'250'000, 0) == 1'250'000'000);
  CHECK(base_at(2 * ppm, 0) == 2 * one);
  CHECK(base_at(ppm, 300'000) == 700'000'000);
  CHECK(base_at(ppm, bonus_ppm_max) == one / 2);
  CHECK(base_at(ppm, 900'000) == one / 2);  // the floor
  CHECK(base_at(0, 0) == one / 2);
}

TEST_CASE("demand follows the queue for each free device, the bonus the idle share while nobody waits") {
  CHECK(demand_ppm_of(0, 0) == ppm);
  CHECK(demand_ppm_of(0, 5) == ppm);
  CHECK(demand_ppm_of(1, 4) == 1'125'000);
  CHECK(demand_ppm_of(1, 0) == 1'500'000);
  CHECK(demand_ppm_of(2, 1) == 2 * ppm);
  CHECK(demand_ppm_of(1, 3) == 1'166'666);
  CHECK(demand_ppm_of(most, 1) == 2 * ppm);
  CHECK(demand_ppm_of(most, most) == 1'500'000);
  CHECK(bonus_ppm_of(0, 0, 0) == 0);
  CHECK(bonus_ppm_of(0, 4, 4) == bonus_ppm_max);
  CHECK(bonus_ppm_of(0, 1, 4) == 125'000);
  CHECK(bonus_ppm_of(0, 0, 4) == 0);
  CHECK(bonus_ppm_of(1, 4, 4) == 0);
}

TEST_CASE("a price that does not fit is nothing, not a small number") {
  gpu_terms t;
  t.base = t.vram_gb_hour = t.power_kwh = most;
  t.vram_mb = share_mb_max;
  t.power_w = share_watts_max;
  t.demand_ppm = demand_ppm_max;
  CHECK_FALSE(cost_of(t, 1h));
  CHECK_FALSE(cost_of(t, std::chrono::nanoseconds{most}));
  CHECK_FALSE(parts_of(t, 1h));
  CHECK_FALSE(due_now(t, 1h, 0));
  CHECK(cost_of(t, 0ns) == 0);
  gpu_terms plain;
  plain.base = most;
  CHECK(cost_of(plain, 1h) == most);
  CHECK_FALSE(cost_of(plain, 1h + 1ms));
  CHECK(cost_of(plain, 1ns) == (most - 1) / 3'600'000'000'000 + 1);
  CHECK_FALSE(bill_of(most, 1, false));
  CHECK(bill_of(most, 0, false) == bill{most, 0, most, most});
  CHECK(bill_of(most, 10'000, true) == bill{most, most, most, 0});
}

TEST_CASE("a node's rate is shared among its devices as the book would, and never lost") {
  CHECK(device_rate(one, {one / 2}, 0) == one);
  CHECK(device_rate(one, {one / 2, one / 2}, 1) == one / 2);
  CHECK(device_rate(one, {one / 4, 3 * one / 4}, 0) == one / 4);
  CHECK(device_rate(one, {one / 4, 3 * one / 4}, 1) == 3 * one / 4);
  CHECK(device_rate(one, {one, 0, one}, 1) == 333'333'334);  // one of them is not in the book
  CHECK(device_rate(0, {one}, 0) == 0);
  CHECK(device_rate(most, {most, most}, 0) == most / 2 + 1);
}
