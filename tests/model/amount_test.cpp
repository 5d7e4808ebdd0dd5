// Money in and out of text, and the products against a 128-bit oracle.
#include <doctest/doctest.h>

#include <algorithm>
#include <limits>
#include <optional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "model/amount.hpp"

using namespace troupe;

namespace {

constexpr auto most = std::numeric_limits<int64_t>::max();
constexpr auto least = std::numeric_limits<int64_t>::min();

/// Numbers of every magnitude are equally likely, so that the edges are met.
int64_t any_size(std::mt19937_64& random) { return static_cast<int64_t>((random() >> 1) >> (random() % 63)); }

std::optional<amount> oracle(int64_t a, int64_t b, int64_t c, bool up) {
  auto product = static_cast<unsigned __int128>(a) * static_cast<unsigned __int128>(b);
  auto quotient = product / static_cast<unsigned __int128>(c);
  if (up && product % static_cast<unsigned __int128>(c) != 0) ++quotient;
  if (quotient > static_cast<unsigned __int128>(most)) return std::nullopt;
  return static_cast<amount>(quotient);
}

}  // namespace

TEST_CASE("an amount is read to the last nano-unit") {
  const std::vector<std::pair<std::string, amount>> good{
      {"0", 0},
      {"0.0", 0},
      {"0.000000000", 0},
      {"1", one},
      {"10", 10 * one},
      {"100", 100 * one},
      {"0.2625", 262'500'000},
      {"1.50", 1'500'000'000},
      {"0.000000001", 1},
      {"0.123456789", 123'456'789},
      {"1.000000001", 1'000'000'001},
      {"9223372036", 9'223'372'036'000'000'000},
      {"9223372036.854775806", most - 1},
      {"9223372036.854775807", most},
  };
  for (const auto& x : good) {
    CAPTURE(x.first);
    auto read = parse_amount(x.first);
    REQUIRE(read);
    CHECK(*read == x.second);
  }
}

TEST_CASE("what is not exactly an amount is refused, never rounded") {
  const std::vector<std::string> bad{
      "",
      " ",
      ".",
      ".5",
      "5.",
      "-1",
      "+1",
      "-0",
      "- 1",
      "--1",
      "1e3",
      "1E3",
      "1e",
      "e1",
      "1.5e1",
      "0x10",
      "01",
      "00",
      "00.5",
      "01.5",
      "NaN",
      "nan",
      "inf",
      "Inf",
      "1,5",
      "1,000",
      "1_000",
      "1 000",
      " 1",
      "1 ",
      "\t1",
      "1\n",
      "1.2.3",
      "1..2",
      "1. 5",
      "1.-5",
      "1.+5",
      "1.5-",
      "1.5 ",
      "one",
      "1a",
      "1.a",
      "$1",
      "1.0000000001",
      "0.0000000000",
      "1.0000000000",
      "0.9999999999",
      "\xd9\xa1",
      "1.\xd9\xa1",
      "null",
      "true",
      "1/2",
      "1'000",
      "9223372036.854775808",
      "9223372037",
      "9999999999",
      "10000000000",
      "99999999999",
      "9223372036854775807",
      "18446744073.709551616",  // wraps to zero in 64 bits
      std::string("1\0", 2),
      std::string("\0", 1),
      std::string("1.5\0", 4),
  };
  for (const auto& text : bad) {
    CAPTURE(text);
    CHECK_FALSE(parse_amount(text));
  }
}

TEST_CASE("an endless number is refused wherever its digits are") {
  CHECK_FALSE(parse_amount("1" + std::string(400, '0')));
  CHECK_FALSE(parse_amount(std::string(1'000'000, '9')));
  CHECK_FALSE(parse_amount("0." + std::string(400, '0')));
  CHECK_FALSE(parse_amount("0." + std::string(1'000'000, '1')));
}

TEST_CASE("every single character is refused unless it is a digit") {
  for (int c = 0; c < 256; ++c) {
    std::string text(1, static_cast<char>(c));
    CAPTURE(c);
    auto digit = c >= '0' && c <= '9';
    CHECK(parse_amount(text).has_value() == digit);
    CHECK(parse_amount("1" + text).has_value() == digit);
    CHECK(parse_amount("1." + text).has_value() == digit);
  }
}

TEST_CASE("an amount is written as the shortest decimal text") {
  CHECK(format_amount(0) == "0");
  CHECK(format_amount(1) == "0.000000001");
  CHECK(format_amount(10) == "0.00000001");
  CHECK(format_amount(262'500'000) == "0.2625");
  CHECK(format_amount(one) == "1");
  CHECK(format_amount(100 * one) == "100");
  CHECK(format_amount(100 * one + 5) == "100.000000005");
  CHECK(format_amount(-1'500'000'000) == "-1.5");
  CHECK(format_amount(-1) == "-0.000000001");
  CHECK(format_amount(most) == "9223372036.854775807");
  CHECK(format_amount(least) == "-9223372036.854775808");
}

TEST_CASE("what is written can be read again and is the same") {
  std::mt19937_64 random(20240607);
  for (int i = 0; i < 200'000; ++i) {
    auto x = any_size(random);
    auto text = format_amount(x);
    CAPTURE(text);
    auto read = parse_amount(text);
    REQUIRE(read);
    REQUIRE(*read == x);
    if (x > 0) REQUIRE(format_amount(-x) == "-" + text);
  }
}

TEST_CASE("a sum is exact or nothing") {
  CHECK(checked_add(2, 3) == 5);
  CHECK(checked_add(-2, 3) == 1);
  CHECK(checked_add(most, 0) == most);
  CHECK(checked_add(most - 1, 1) == most);
  CHECK(checked_add(most, least) == -1);
  CHECK_FALSE(checked_add(most, 1));
  CHECK_FALSE(checked_add(least, -1));
  CHECK_FALSE(checked_add(most, most));
}

TEST_CASE("a product is divided once and rounded once") {
  CHECK(mul_div_ceil(7, 1, 2) == 4);
  CHECK(mul_div_floor(7, 1, 2) == 3);
  CHECK(mul_div_ceil(6, 1, 2) == 3);
  CHECK(mul_div_floor(6, 1, 2) == 3);
  CHECK(mul_div_ceil(0, most, most) == 0);
  CHECK(mul_div_ceil(1, 1, most) == 1);
  CHECK(mul_div_floor(1, 1, most) == 0);
  CHECK(mul_div_ceil(most, most, most) == most);
  CHECK(mul_div_floor(most, most, most) == most);
}

TEST_CASE("a product that does not fit is nothing") {
  CHECK_FALSE(mul_div_ceil(most, 2, 1));
  CHECK_FALSE(mul_div_floor(most, most, 1));
  CHECK_FALSE(mul_div_ceil(most, most, most - 1));
  CHECK_FALSE(mul_div_floor(most, most, most - 1));
  // 3689348814741910323 * 5 / 2 is the largest amount and a half: only the rounding decides.
  CHECK(mul_div_floor(3'689'348'814'741'910'323, 5, 2) == most);
  CHECK_FALSE(mul_div_ceil(3'689'348'814'741'910'323, 5, 2));
}

TEST_CASE("products agree with the oracle on numbers of every size") {
  std::mt19937_64 random(7);
  int fits = 0, overflows = 0;
  for (int i = 0; i < 200'000; ++i) {
    auto a = any_size(random), b = any_size(random), c = std::max<int64_t>(1, any_size(random));
    CAPTURE(a);
    CAPTURE(b);
    CAPTURE(c);
    REQUIRE(mul_div_ceil(a, b, c) == oracle(a, b, c, true));
    REQUIRE(mul_div_floor(a, b, c) == oracle(a, b, c, false));
    ++(oracle(a, b, c, true) ? fits : overflows);
  }
  CHECK(fits > 10'000);
  CHECK(overflows > 10'000);
}

TEST_CASE("assets are known by name in any case, and by nothing else") {
  const std::vector<std::string> names{"CREDIT", "dGPU", "FOG", "ETH", "USDC", "SOL"};
  for (size_t i = 0; i < names.size(); ++i) {
    auto x = static_cast<asset>(i + 1);
    CHECK(to_string(x) == names[i]);
    CHECK(parse_asset(names[i]) == x);
  }
  CHECK(parse_asset("dgpu") == asset::dgpu);
  CHECK(parse_asset("DGPU") == asset::dgpu);
  CHECK(parse_asset("credit") == asset::credit);
  for (auto text : {"", "dGP", "dGPUU", "BTC", " ETH", "ETH ", "U$DC", "@TH"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_asset(text));
  }
}
