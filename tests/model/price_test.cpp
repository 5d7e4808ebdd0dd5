// What an attempt costs: known prices, and laws that hold for every small number.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <random>

#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

constexpr auto most = std::numeric_limits<int64_t>::max();

job timed(amount rate, int64_t fee_bps, amount hold) {
  job j;
  j.node_rate = rate;
  j.fee_bps = fee_bps;
  j.hold = hold;
  return j;
}

job by_token(amount price_in, amount price_out, int64_t min_tokens, int64_t fee_bps, amount hold) {
  job j;
  j.pricing = pricing_mode::by_token;
  j.price_in = price_in;
  j.price_out = price_out;
  j.min_tokens = min_tokens;
  j.fee_bps = fee_bps;
  j.hold = hold;
  return j;
}

amount total(const settlement& x) { return x.subtotal + x.fee; }

constexpr amount quarter = 250'000'000;  // 0.25 an hour

}  // namespace

TEST_CASE("an hour's rate is paid by the millisecond and rounded up once") {
  struct known {
    int64_t ran_ms;
    amount subtotal, fee;
  };
  const known prices[] = {
      {0, 0, 0},
      {1, 70, 4},                            // 69.44, 3.5
      {1'000, 69'445, 3'473},                // 69444.44, 3472.25
      {60'000, 4'166'667, 208'334},          // 4166666.67, 208333.35
      {61'000, 4'236'112, 211'806},          // 4236111.11, 211805.6
      {90'000, 6'250'000, 312'500},          // exact
      {3'600'000, 250'000'000, 12'500'000},  // exact: 0.2625 in all
      {7'200'000, 500'000'000, 25'000'000},
  };
  auto j = timed(quarter, 500, 100 * one);
  for (const auto& p : prices) {
    CAPTURE(p.ran_ms);
    auto paid = price_of(j, p.ran_ms, 0, 0);
    CHECK(paid.subtotal == p.subtotal);
    CHECK(paid.fee == p.fee);
  }
}

TEST_CASE("a fee of zero and a fee of everything") {
  auto paid = price_of(timed(quarter, 0, one), 3'600'000, 0, 0);
  CHECK(paid.subtotal == quarter);
  CHECK(paid.fee == 0);
  paid = price_of(timed(quarter, 10'000, one), 3'600'000, 0, 0);
  CHECK(paid.subtotal == quarter);
  CHECK(paid.fee == quarter);
}

TEST_CASE("tokens do not matter to a timed job, nor time to a token job") {
  CHECK(total(price_of(timed(quarter, 0, one), 0, 1'000, 1'000)) == 0);
  CHECK(total(price_of(by_token(one, one, 0, 0, one), 3'600'000, 0, 0)) == 0);
}

TEST_CASE("more than the hold is never taken, and the fee is inside it") {
  auto j = timed(quarter, 500, 262'500'000);  // an hour and its fee
  auto paid = price_of(j, 3'600'000, 0, 0);
  CHECK(total(paid) == j.hold);
  paid = price_of(j, 36'000'000, 0, 0);
  CHECK(paid.subtotal == quarter);
  CHECK(paid.fee == 12'500'000);
  j.hold = 100;
  paid = price_of(j, 3'600'000, 0, 0);
  CHECK(paid.subtotal == 95);
  CHECK(paid.fee == 5);
  j.hold = 1;
  paid = price_of(j, 3'600'000, 0, 0);
  CHECK(paid.subtotal == 0);
  CHECK(paid.fee == 0);
  j.hold = 0;
  CHECK(total(price_of(j, 3'600'000, 0, 0)) == 0);
}

TEST_CASE("a price beyond all numbers takes the hold and no more") {
  auto paid = price_of(timed(most, 500, one), most, 0, 0);
  CHECK(paid.subtotal == 952'380'952);
  CHECK(paid.fee == 47'619'048);
  paid = price_of(timed(most, 500, most), most, 0, 0);
  CHECK(paid.subtotal > 0);
  CHECK(paid.fee >= 0);
  CHECK(paid.subtotal <= most - paid.fee);
  paid = price_of(by_token(most, most, most, 500, one), 0, most, most);
  CHECK(total(paid) == one);
  paid = price_of(by_token(9'000'000'000'000'000'000, 9'000'000'000'000'000'000, 0, 0, one), 0, 1'000'000, 1'000'000);
  CHECK(total(paid) == one);  // each half fits, the sum does not
}

TEST_CASE("tokens are paid by the million, prompt and completion each rounded up") {
  auto j = by_token(150'000'000, 600'000'000, 0, 500, one);  // 0.15 and 0.60
  CHECK(price_of(j, 0, 1'000'000, 0).subtotal == 150'000'000);
  CHECK(price_of(j, 0, 0, 1'000'000).subtotal == 600'000'000);
  CHECK(price_of(j, 0, 12, 34).subtotal == 1'800 + 20'400);
  CHECK(price_of(j, 0, 12, 34).fee == 1'110);
  j.price_in = j.price_out = 1;
  CHECK(price_of(j, 0, 1, 0).subtotal == 1);
  CHECK(price_of(j, 0, 1, 1).subtotal == 2);
}

TEST_CASE("too few tokens are topped up to the minimum at the completion's price") {
  auto j = by_token(1'000'000, 2'000'000, 100, 0, one);  // 1 and 2 nano-units a token
  CHECK(price_of(j, 0, 0, 0).subtotal == 200);
  CHECK(price_of(j, 0, 10, 20).subtotal == 10 + 2 * 90);
  CHECK(price_of(j, 0, 10, 89).subtotal == 10 + 2 * 90);
  CHECK(price_of(j, 0, 10, 90).subtotal == 10 + 2 * 90);
  CHECK(price_of(j, 0, 10, 91).subtotal == 10 + 2 * 91);
  CHECK(price_of(j, 0, 100, 0).subtotal == 100);
  CHECK(price_of(j, 0, 500, 0).subtotal == 500);
}

TEST_CASE("for every small number: inside the hold, never negative, and never falling with time") {
  for (int64_t fee_bps : {0, 1, 333, 500, 5'000, 10'000, 25'000})
    for (amount hold = 0; hold <= 60; ++hold)
      for (amount rate = 0; rate <= 24; ++rate) {
        auto j = timed(rate, fee_bps, hold);
        amount before = 0;
        for (int64_t ran_ms = 0; ran_ms <= 10'800'000; ran_ms += 450'000) {
          auto paid = price_of(j, ran_ms, 0, 0);
          REQUIRE(paid.subtotal >= 0);
          REQUIRE(paid.fee >= 0);
          REQUIRE(total(paid) <= hold);
          REQUIRE(total(paid) >= before);
          before = total(paid);
        }
      }
}

TEST_CASE("below the cap the price is the rounded product, and so is the fee") {
  std::mt19937_64 random(11);
  for (int i = 0; i < 100'000; ++i) {
    auto rate = static_cast<amount>(random() % (10 * one));
    auto ran_ms = static_cast<int64_t>(random() % 86'400'000);
    auto fee_bps = static_cast<int64_t>(random() % 2'000);
    auto paid = price_of(timed(rate, fee_bps, 1'000'000 * one), ran_ms, 0, 0);
    auto exact = static_cast<__int128>(rate) * ran_ms;
    CAPTURE(rate);
    CAPTURE(ran_ms);
    CAPTURE(fee_bps);
    REQUIRE(static_cast<__int128>(paid.subtotal) * 3'600'000 >= exact);
    REQUIRE(static_cast<__int128>(paid.subtotal - 1) * 3'600'000 < exact);
    REQUIRE(paid.fee * 10'000 >= paid.subtotal * fee_bps);
    REQUIRE((paid.fee - 1) * 10'000 < paid.subtotal * fee_bps);
  }
}

TEST_CASE("for numbers of every size the payment stays inside the hold") {
  std::mt19937_64 random(13);
  auto any_size = [&] { return static_cast<int64_t>((random() >> 1) >> (random() % 63)); };
  for (int i = 0; i < 100'000; ++i) {
    auto fee_bps = static_cast<int64_t>(random() % 20'000);
    auto hold = any_size();
    auto j = i % 2 ? timed(any_size(), fee_bps, hold) : by_token(any_size(), any_size(), any_size(), fee_bps, hold);
    auto paid = price_of(j, any_size(), any_size(), any_size());
    CAPTURE(i);
    REQUIRE(paid.subtotal >= 0);
    REQUIRE(paid.fee >= 0);
    REQUIRE(paid.subtotal <= hold);
    REQUIRE(paid.fee <= hold - paid.subtotal);
  }
}

TEST_CASE("cached tokens are part of the prompt and cost their own price, rounded once with the rest") {
  auto j = by_token(10 * one, 20 * one, 0, 0, 1'000 * one);
  j.price_cached = one;
  CHECK(price_of(j, 0, 1'000'000, 0, 0).subtotal == 10 * one);
  CHECK(price_of(j, 0, 1'000'000, 0, 400'000).subtotal == 6 * one + 400'000'000);
  CHECK(price_of(j, 0, 1'000'000, 1'000'000, 1'000'000).subtotal == 21 * one);
  auto tiny = by_token(3, 0, 0, 0, one);
  tiny.price_cached = 1;
  CHECK(price_of(tiny, 0, 300'000, 0, 100'000).subtotal == 1);  // 0.6 + 0.1
}

TEST_CASE("cached tokens without a price of their own cost what the others do") {
  auto j = by_token(10 * one, 20 * one, 0, 0, 1'000 * one);
  for (int64_t cached : {0, 1, 500, 1'000}) CHECK(price_of(j, 0, 1'000, 7, cached).subtotal == 10'140'000);
}

TEST_CASE("a count of cached tokens that cannot be true is not believed") {
  auto j = by_token(10 * one, 0, 0, 0, 1'000 * one);
  j.price_cached = one;
  CHECK(price_of(j, 0, 1'000, 0, -5).subtotal == price_of(j, 0, 1'000, 0, 0).subtotal);
  CHECK(price_of(j, 0, 1'000, 0, 1'001).subtotal == price_of(j, 0, 1'000, 0, 1'000).subtotal);
  CHECK(price_of(j, 0, 0, 0, most).subtotal == 0);
}

TEST_CASE("an inclusive fee is taken out of the price: the user pays the subtotal, the provider gets the rest") {
  auto j = timed(quarter, 500, one);
  j.fee_inclusive = true;
  auto paid = price_of(j, 3'600'000, 0, 0);
  CHECK(paid.fee == 12'500'000);
  CHECK(paid.subtotal == 237'500'000);
  CHECK(total(price_of(j, 1, 0, 0)) == 70);
  CHECK(price_of(j, 1, 0, 0).fee == 4);  // 3.5
  j.hold = 100;
  CHECK(total(price_of(j, 3'600'000, 0, 0)) == 100);
  CHECK(price_of(j, 3'600'000, 0, 0).fee == 5);
}

TEST_CASE("with an inclusive fee numbers of every size stay inside the hold, too") {
  std::mt19937_64 random(19);
  auto any_size = [&] { return static_cast<int64_t>((random() >> 1) >> (random() % 63)); };
  for (int i = 0; i < 100'000; ++i) {
    auto fee_bps = static_cast<int64_t>(random() % 10'001);
    auto j = i % 2 ? timed(any_size(), fee_bps, any_size())
                   : by_token(any_size(), any_size(), any_size(), fee_bps, any_size());
    j.fee_inclusive = true;
    j.price_cached = any_size();
    auto paid = price_of(j, any_size(), any_size(), any_size(), any_size());
    CAPTURE(i);
    REQUIRE(paid.subtotal >= 0);
    REQUIRE(paid.fee >= 0);
    REQUIRE(paid.subtotal <= j.hold - paid.fee);
  }
}
