// inet_pton is strict enough: four decimal parts without leading zeros, or the forms of RFC 4291.
#include "model/ip_address.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <charconv>

namespace troupe {

namespace {

constexpr size_t text_bytes_max = 45;
constexpr std::array<uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

}  // namespace

bool ip_address::is_v4() const { return std::equal(mapped.begin(), mapped.end(), bytes.begin()); }

std::optional<ip_address> parse_ip(std::string_view given) {
  if (given.empty() || given.size() > text_bytes_max || given.find('\0') != given.npos) return std::nullopt;
  std::string text{given};
  ip_address x;
  if (inet_pton(AF_INET6, text.c_str(), x.bytes.data()) == 1) return x;
  std::copy(mapped.begin(), mapped.end(), x.bytes.begin());
  if (inet_pton(AF_INET, text.c_str(), x.bytes.data() + mapped.size()) == 1) return x;
  return std::nullopt;
}

std::string to_string(const ip_address& x) {
  char text[INET6_ADDRSTRLEN] = "";
  if (x.is_v4())
    inet_ntop(AF_INET, x.bytes.data() + mapped.size(), text, sizeof text);
  else
    inet_ntop(AF_INET6, x.bytes.data(), text, sizeof text);
  return text;
}

bool ip_range::has(const ip_address& x) const {
  auto whole = static_cast<size_t>(bits / 8);
  if (!std::equal(base.bytes.begin(), base.bytes.begin() + static_cast<long>(whole), x.bytes.begin())) return false;
  auto rest = bits % 8;
  return rest == 0 || ((base.bytes[whole] ^ x.bytes[whole]) >> (8 - rest)) == 0;
}

std::optional<ip_range> parse_ip_range(std::string_view text) {
  auto slash = text.find('/');
  auto base = parse_ip(text.substr(0, slash));
  if (!base) return std::nullopt;
  auto before = base->is_v4() && text.find(':') == text.npos ? 96 : 0;  // bits that the text does not count
  if (slash == text.npos) return ip_range{*base, 128};
  auto digits = text.substr(slash + 1);
  int bits = -1;
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), bits);
  auto good = error == std::errc{} && end == digits.data() + digits.size() && digits.size() <= 3 && digits[0] != '-';
  if (!good || bits > 128 - before) return std::nullopt;
  return ip_range{*base, bits + before};
}

}  // namespace troupe
