// Read by hand: inet_pton knows no ranges, and takes no part of a text.
#include "model/ip_range.hpp"

#include <algorithm>
#include <vector>

namespace troupe {

namespace {

/// A whole number without a leading zero.
std::optional<int> small_number(std::string_view text, int most) {
  if (text.empty() || text.size() > 3 || (text.size() > 1 && text[0] == '0')) return std::nullopt;
  int n = 0;
  for (char c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + (c - '0');
  }
  return n <= most ? std::optional{n} : std::nullopt;
}

bool read_v4(std::string_view text, uint8_t* to) {
  for (int part = 0; part < 4; ++part) {
    auto dot = text.find('.');
    if ((dot == std::string_view::npos) != (part == 3)) return false;
    auto n = small_number(text.substr(0, dot), 255);
    if (!n) return false;
    *to++ = static_cast<uint8_t>(*n);
    if (part < 3) text.remove_prefix(dot + 1);
  }
  return true;
}

int digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

/// "2001:db8:1" as bytes, an IPv4 address at the end included; empty is none. False: not that.
bool read_groups(std::string_view text, std::vector<uint8_t>& to) {
  while (!text.empty()) {
    auto colon = text.find(':');
    auto group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      to.resize(to.size() + 4);
      return read_v4(group, to.data() + to.size() - 4);
    }
    if (group.empty() || group.size() > 4) return false;
    int n = 0;
    for (char c : group) {
      if (digit(c) < 0) return false;
      n = n * 16 + digit(c);
    }
    to.push_back(static_cast<uint8_t>(n >> 8));
    to.push_back(static_cast<uint8_t>(n & 255));
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
    if (text.empty()) return false;
  }
  return true;
}

std::optional<ip_bytes> parse_v6(std::string_view text) {
  std::vector<uint8_t> head, tail;
  auto gap = text.find("::");
  if (!read_groups(text.substr(0, gap), head)) return std::nullopt;
  if (gap != std::string_view::npos && !read_groups(text.substr(gap + 2), tail)) return std::nullopt;
  auto size = head.size() + tail.size();
  if (gap == std::string_view::npos ? size != 16 : size > 14) return std::nullopt;
  ip_bytes x{};
  std::copy(head.begin(), head.end(), x.begin());
  std::copy(tail.rbegin(), tail.rend(), x.rbegin());
  return x;
}

}  // namespace

std::optional<ip_bytes> parse_ip(std::string_view text) {
  if (text.size() > 45) return std::nullopt;
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  ip_bytes x{};
  x[10] = x[11] = 0xff;
  if (!read_v4(text, x.data() + 12)) return std::nullopt;
  return x;
}

std::optional<ip_range> parse_ip_range(std::string_view text) {
  auto slash = text.find('/');
  auto first = parse_ip(text.substr(0, slash));
  if (!first) return std::nullopt;
  auto plain_v4 = text.substr(0, slash).find(':') == std::string_view::npos;
  ip_range r{*first, 128};
  if (slash == std::string_view::npos) return r;
  auto bits = small_number(text.substr(slash + 1), plain_v4 ? 32 : 128);
  if (!bits) return std::nullopt;
  r.bits = plain_v4 ? *bits + 96 : *bits;
  for (int i = r.bits; i < 128; ++i)
    if ((r.first[static_cast<size_t>(i / 8)] >> (7 - i % 8) & 1) != 0) return std::nullopt;
  return r;
}

bool contains(const ip_range& r, const ip_bytes& x) {
  for (int i = 0; i < r.bits; i += 8) {
    auto at = static_cast<size_t>(i / 8);
    auto mask = r.bits - i >= 8 ? 0xff : 0xff << (8 - (r.bits - i)) & 0xff;
    if (((r.first[at] ^ x[at]) & mask) != 0) return false;
  }
  return true;
}

bool in_range(std::string_view ip, std::string_view range) {
  auto x = parse_ip(ip);
  auto r = parse_ip_range(range);
  return x && r && contains(*r, *x);
}

}  // namespace troupe
