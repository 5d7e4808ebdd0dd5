// Addresses and ranges: what is one, what is none, and who is in.
#include "model/ip_address.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

bool in(const char* range, const char* address) { return parse_ip_range(range)->has(*parse_ip(address)); }

}  // namespace

TEST_CASE("an address is read in its full form only and written back") {
  for (auto text : {"0.0.0.0", "192.0.2.1", "255.255.255.255", "::", "::1", "2001:db8::1", "fe80::1:2:3:4"}) {
    CAPTURE(text);
    REQUIRE(parse_ip(text));
    CHECK(to_string(*parse_ip(text)) == text);
  }
  CHECK(parse_ip("::ffff:192.0.2.1") == parse_ip("192.0.2.1"));
  CHECK(parse_ip("192.0.2.1")->is_v4());
  CHECK_FALSE(parse_ip("::1")->is_v4());
  for (auto text : {"", "1", "1.2.3", "1.2.3.4.5", "01.2.3.4", "256.1.1.1", "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
                    "1.2.3.4/8", ":::", "1::2::3", "fe80::1%eth0", "[::1]", "12345::", "localhost"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip(text));
  }
  CHECK_FALSE(parse_ip(std::string_view{"1.2.3.4\0", 8}));
}

TEST_CASE("a range has what begins with its bits") {
  CHECK(in("10.0.0.0/8", "10.255.0.1"));
  CHECK_FALSE(in("10.0.0.0/8", "11.0.0.0"));
  CHECK(in("10.1.2.3/8", "10.9.9.9"));
  CHECK(in("192.168.4.0/22", "192.168.7.255"));
  CHECK_FALSE(in("192.168.4.0/22", "192.168.8.0"));
  CHECK(in("192.0.2.1", "192.0.2.1"));
  CHECK_FALSE(in("192.0.2.1", "192.0.2.2"));
  CHECK(in("0.0.0.0/0", "8.8.8.8"));
  CHECK_FALSE(in("0.0.0.0/0", "2001:db8::1"));
  CHECK(in("10.0.0.0/8", "::ffff:10.0.0.1"));
  CHECK(in("2001:db8::/33", "2001:db8:7fff::1"));
  CHECK_FALSE(in("2001:db8::/33", "2001:db8:8000::1"));
  CHECK(in("::/0", "8.8.8.8"));
  for (auto text :
       {"10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x", "10.0.0/8", "/8", "", "10.0.0.0/0008"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_ip_range(text));
  }
}
