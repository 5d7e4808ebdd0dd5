// Addresses and ranges of them as text: "10.0.0.0/8", "2001:db8::/32", or one address. Pure.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace troupe {

/// 16 bytes; an IPv4 address is in ::ffff:0:0/96, as it is when it comes through an IPv6 socket.
using ip_bytes = std::array<uint8_t, 16>;

/// Nothing for what is no address: zones, ports, leading zeros, parts that are missing.
std::optional<ip_bytes> parse_ip(std::string_view);
inline bool is_v4(const ip_bytes& x) {
  for (size_t i = 0; i < 10; ++i)
    if (x[i] != 0) return false;
  return x[10] == 0xff && x[11] == 0xff;
}

struct ip_range {
  ip_bytes first{};
  int bits = 128;  // of the 128
};
/// Bits beyond the length must be 0: who writes 10.0.0.1/8 means something else.
std::optional<ip_range> parse_ip_range(std::string_view);
bool contains(const ip_range&, const ip_bytes&);

/// False, too, when either is not what it should be.
bool in_range(std::string_view ip, std::string_view range);

}  // namespace troupe
