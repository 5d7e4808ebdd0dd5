// IP addresses and ranges of them, version 4 and 6 alike. Pure: nothing is looked up.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// 16 bytes; an address of version 4 is kept as ::ffff:a.b.c.d, so the two ways of writing it are one.
struct ip_address {
  std::array<uint8_t, 16> bytes{};

  bool is_v4() const;
  friend bool operator==(const ip_address&, const ip_address&) = default;
};

/// "192.0.2.1" or "2001:db8::1". Nothing for any other form: no leading zeros, no hexadecimal or missing parts, no
/// zone.
std::optional<ip_address> parse_ip(std::string_view);
std::string to_string(const ip_address&);

/// All addresses that begin with the same bits.
struct ip_range {
  ip_address base;
  int bits = 128;

  bool has(const ip_address&) const;
};

/// "10.0.0.0/8", "fd00::/8", or one address. Bits of the base behind the slash do not count.
std::optional<ip_range> parse_ip_range(std::string_view);

}  // namespace troupe
