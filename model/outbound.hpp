// Where a URL that a user wrote may lead our own requests. Pure: the names are looked up by executors/outbound.hpp.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "model/error.hpp"
#include "model/ip_range.hpp"

namespace troupe {

/// An address of the public Internet: not private, loopback, link-local, shared (CGNAT), multicast, reserved, for
/// documentation, nor of a cloud's metadata; and none of these behind a mapping or a tunnel.
bool is_public(const ip_bytes&);

/// What may be reached: the public Internet, and what the operator lists.
struct outbound_rules {
  std::vector<ip_range> allowed;

  bool may_reach(const ip_bytes&) const;
};

/// Entries that are no CIDR are left out: `config check` refuses them.
outbound_rules outbound_rules_of(const std::vector<std::string>& outbound_allow);

struct outbound_url {
  std::string text;  // as it may be requested
  bool tls = false;
  std::string host;  // lower case; an address of version 6 without brackets
  uint16_t port = 0;
};

/// Reads http:// and https:// with a plain host name or address, and refuses what can be read in two ways: user names,
/// control characters, backslashes, escapes or non-ASCII letters in the host, numbers that are no dotted address, a dot
/// at the end. Ports are 80, 443, and 1024 and above. An address that may not be reached is refused, too; so are
/// localhost and names that no public server has. At most 2,048 bytes.
outcome<outbound_url> parse_outbound_url(std::string_view, const outbound_rules&);

}  // namespace troupe
