// Addresses and ranges: read as the operating system reads them, and nothing else is one.
#include "model/ip_range.hpp"

#include <arpa/inet.h>
#include <doctest/doctest.h>

#include <cstring>
#include <random>
#include <string>

namespace troupe {

TEST_CASE("addresses are inside the ranges that name them, and outside the others") {
  CHECK(in_range("10.1.2.3", "10.0.0.0/8"));
  CHECK_FALSE(in_range("11.1.2.3", "10.0.0.0/8"));
  CHECK(in_range("10.1.2.3", "10.1.2.3"));
  CHECK_FALSE(in_range("10.1.2.4", "10.1.2.3/32"));
  CHECK(in_range("8.8.8.8", "0.0.0.0/0"));
  CHECK_FALSE(in_range("2001:db8::1", "0.0.0.0/0"));
  CHECK(in_range("2001:db8:ffff::1", "2001:db8::/32"));
  CHECK_FALSE(in_range("2001:db9::1", "2001:db8::/32"));
  CHECK(in_range("10.1.2.129", "10.1.2.128/25"));
  CHECK_FALSE(in_range("10.1.2.127", "10.1.2.128/25"));
  CHECK(in_range("::1", "::/0"));
  CHECK(in_range("::ffff:10.0.0.1", "10.0.0.0/8"));  // as an IPv6 socket tells it
}

TEST_CASE("what is no address or no range is in none") {
  for (auto bad : {"", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "1.2.3.4 ", "fe80::1%eth0", "1:2:3:4:5:6:7",
                   "1::2::3", ":1", "1:", "12345::", "g::", "::1.2.3", "1:2:3:4:5:6:7::8", "1.2.3.4:80"})
    CHECK_MESSAGE(!parse_ip(bad), bad);
  for (auto bad : {"10.0.0.1/8", "10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/-1", "/8", "10/8",
                   "2001:db8::1/32"})
    CHECK_MESSAGE(!parse_ip_range(bad), bad);
  CHECK_FALSE(in_range("10.0.0.1", "10.0.0.1/8"));
  CHECK_FALSE(in_range("nonsense", "0.0.0.0/0"));
}

TEST_CASE("an address is read as the operating system reads it") {
  std::mt19937 random{7};
  for (int i = 0; i < 2'000; ++i) {
    unsigned char bytes[16] = {};
    for (auto& b : bytes) b = random() % 3 == 0 ? static_cast<unsigned char>(random()) : 0;
    char text[INET6_ADDRSTRLEN];
    REQUIRE(inet_ntop(AF_INET6, bytes, text, sizeof text) != nullptr);
    auto ours = parse_ip(text);
    INFO(text);
    REQUIRE(ours);
    REQUIRE(std::memcmp(ours->data(), bytes, 16) == 0);
  }
  std::string letters = "0123456789abf:.g/";
  for (int i = 0; i < 20'000; ++i) {
    std::string text;
    for (auto n = random() % 12; n > 0; --n) text += letters[random() % letters.size()];
    unsigned char four[16], six[16];
    auto known = inet_pton(AF_INET, text.c_str(), four) == 1 || inet_pton(AF_INET6, text.c_str(), six) == 1;
    INFO(text);
    REQUIRE(parse_ip(text).has_value() == known);
  }
}

}  // namespace troupe
