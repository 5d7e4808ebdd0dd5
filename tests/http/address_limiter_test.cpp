// Strangers by address: their number, their burst, and the memory that they may take.
#include "http/address_limiter.hpp"

#include <doctest/doctest.h>

#include <string>

namespace troupe {

TEST_CASE("an address without a credential gets its number a minute, and no more than the burst within a second") {
  address_limiter l{30, 20};
  int64_t now = 1'000'000;
  auto let_in = 0;
  for (int i = 0; i < 50; ++i) let_in += l.refused_ms("10.0.0.1", now) == 0 ? 1 : 0;
  CHECK(let_in == 20);
  CHECK(l.refused_ms("10.0.0.1", now) == 1'000);
  CHECK(l.refused_ms("10.0.0.2", now) == 0);
  for (int i = 0; i < 50; ++i) let_in += l.refused_ms("10.0.0.1", now + 1'000) == 0 ? 1 : 0;
  CHECK(let_in == 30);
  CHECK(l.refused_ms("10.0.0.1", now + 2'000) == 58'000);
  CHECK(l.refused_ms("10.0.0.1", now + 60'000) == 0);
}

TEST_CASE("an IPv6 /64 is one address, and walking through many takes no more than the memory there is") {
  address_limiter l{2, 2};
  CHECK(l.refused_ms("2001:db8::1", 0) == 0);
  CHECK(l.refused_ms("2001:db8::ffff:2", 0) == 0);
  CHECK(l.refused_ms("2001:db8::3:4", 0) > 0);
  CHECK(l.refused_ms("2001:db8:0:1::1", 0) == 0);
  for (int i = 0; i < 200'000; ++i)
    l.refused_ms("10." + std::to_string(i >> 16) + "." + std::to_string(i >> 8 & 255) + "." + std::to_string(i & 255),
                 0);
  CHECK(l.size() <= 65'536);
  CHECK(l.refused_ms("10.3.13.63", 0) == 0);  // of the last ones: remembered
  CHECK(l.refused_ms("10.3.13.63", 0) > 0);
}

TEST_CASE("without a number there is no limit") {
  address_limiter l{0, 1};
  for (int i = 0; i < 10; ++i) CHECK(l.refused_ms("10.0.0.1", 0) == 0);
  CHECK(l.size() == 0);
}

}  // namespace troupe
