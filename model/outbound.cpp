// The ranges are those of IANA's special-purpose registries, read strictly: in doubt an address is not public.
#include "model/outbound.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

namespace troupe {

namespace {

constexpr size_t url_bytes_max = 2048, host_bytes_max = 253, label_bytes_max = 63;

std::vector<ip_range> ranges(std::initializer_list<std::string_view> texts) {
  std::vector<ip_range> all;
  for (auto text : texts) all.push_back(*parse_ip_range(text));
  return all;
}

bool in_any(const std::vector<ip_range>& all, const ip_bytes& x) {
  return std::any_of(all.begin(), all.end(), [&](const ip_range& range) { return contains(range, x); });
}

bool is_public_v4(const ip_bytes& x) {
  static const auto special =
      ranges({"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12",
              "192.0.0.0/24", "192.0.2.0/24", "192.31.196.0/24", "192.52.193.0/24", "192.88.99.0/24", "192.168.0.0/16",
              "192.175.48.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/3",
              "168.63.129.16"});  // the last: metadata of a cloud on a public address
  return !in_any(special, x);
}

/// Tunnels (Teredo, 6to4) are left out whole: what is behind them cannot be judged.
bool is_public_v6(const ip_bytes& x) {
  static const auto global = *parse_ip_range("2000::/3");
  static const auto special = ranges({"2001::/23", "2001:db8::/32", "2002::/16", "2620:4f:8000::/48", "3fff::/20"});
  return contains(global, x) && !in_any(special, x);
}

failure refused(std::string why) { return {errc::invalid, "the URL " + std::move(why), {}, {}}; }

char lower_case(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
bool is_digit(char c) { return c >= '0' && c <= '9'; }

/// Letters, digits and '-' in labels of 1 to 63; '_' too, as some have it.
bool is_name(std::string_view host) {
  if (host.empty() || host.size() > host_bytes_max) return false;
  for (size_t at = 0; at <= host.size();) {
    auto end = std::min(host.find('.', at), host.size());
    auto label = host.substr(at, end - at);
    auto fits = [](char c) { return (c >= 'a' && c <= 'z') || is_digit(c) || c == '-' || c == '_'; };
    if (label.empty() || label.size() > label_bytes_max || label.front() == '-' || label.back() == '-') return false;
    if (!std::all_of(label.begin(), label.end(), fits)) return false;
    at = end + 1;
  }
  return true;
}

/// Names like 0x7f000001, 2130706433 or 0177.1 are addresses to many resolvers.
bool ends_in_number(std::string_view host) {
  auto last = host.substr(host.rfind('.') + 1);  // npos + 1 is 0
  return !last.empty() && is_digit(last.front()) &&
         (last.starts_with("0x") || std::all_of(last.begin(), last.end(), is_digit));
}

/// Names that stand for this machine or its neighbours, whatever a resolver says.
bool is_local_name(std::string_view host) {
  static constexpr std::array tails{".localhost", ".local", ".localdomain", ".internal",
                                    ".intranet",  ".lan",   ".home.arpa"};
  if (host.find('.') == host.npos) return true;  // also "localhost"
  return std::any_of(tails.begin(), tails.end(), [&](std::string_view tail) { return host.ends_with(tail); });
}

struct url_parts {
  std::string_view host;  // with brackets
  std::optional<std::string_view> port;
};

std::optional<url_parts> split_authority(std::string_view authority) {
  auto bracket = authority.starts_with('[') ? authority.find(']') : 0;
  if (bracket == authority.npos) return std::nullopt;
  auto colon = authority.find(':', bracket);
  if (bracket > 0 && bracket + 1 != std::min(colon, authority.size())) return std::nullopt;
  if (colon == authority.npos) return url_parts{authority, {}};
  return url_parts{authority.substr(0, colon), authority.substr(colon + 1)};
}

std::optional<uint16_t> good_port(std::string_view text) {
  unsigned port = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  auto whole = error == std::errc{} && end == text.data() + text.size() && text.size() <= 5;
  if (!whole || port > 65535 || (port < 1024 && port != 80 && port != 443)) return std::nullopt;
  return static_cast<uint16_t>(port);
}

/// Empty when the host may be asked for.
std::string host_problem(const std::string& host, bool bracketed, const outbound_rules& rules) {
  auto address = parse_ip(host);
  if (bracketed != (address && host.find(':') != host.npos)) return "has a host that is no name and no address";
  if (address) return rules.may_reach(*address) ? "" : "leads to an address that is not public";
  if (ends_in_number(host)) return "has a host that is no name and no address";
  if (!is_name(host)) return "has a bad host name (letters of other scripts are written as xn--...)";
  return is_local_name(host) && rules.allowed.empty() ? "leads to a name that is not public" : "";
}

}  // namespace

bool is_public(const ip_bytes& x) {
  if (is_v4(x)) return is_public_v4(x);
  static const auto nat64 = *parse_ip_range("64:ff9b::/96");
  if (!contains(nat64, x)) return is_public_v6(x);
  auto inner = *parse_ip("0.0.0.0");
  std::copy(x.begin() + 12, x.end(), inner.begin() + 12);
  return is_public_v4(inner);
}

bool outbound_rules::may_reach(const ip_bytes& x) const { return is_public(x) || in_any(allowed, x); }

outbound_rules outbound_rules_of(const std::vector<std::string>& outbound_allow) {
  outbound_rules rules;
  for (auto& text : outbound_allow)
    if (auto range = parse_ip_range(text)) rules.allowed.push_back(*range);
  return rules;
}

outcome<outbound_url> parse_outbound_url(std::string_view text, const outbound_rules& rules) {
  if (text.size() > url_bytes_max) return refused("is longer than 2048 bytes");
  auto plain = [](char c) { return c > 0x20 && c < 0x7f && c != '\\'; };
  auto scheme_end = text.find("://");
  std::string scheme{text.substr(0, std::min(scheme_end, text.size()))};
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), lower_case);
  if (scheme_end == text.npos || (scheme != "http" && scheme != "https"))
    return refused("does not begin with http:// or https://");
  auto rest = text.substr(scheme_end + 3);
  auto authority = rest.substr(0, rest.find_first_of("/?#"));
  if (!std::all_of(authority.begin(), authority.end(), plain))
    return refused("has a bad host name (letters of other scripts are written as xn--...)");
  if (!std::all_of(text.begin(), text.end(), plain))
    return refused("has blanks, control characters, backslashes or letters that must be escaped");
  if (authority.find('@') != authority.npos) return refused("has a user name or password");
  auto parts = split_authority(authority);
  if (!parts || parts->host.empty()) return refused("has a host that is no name and no address");
  outbound_url url;
  url.tls = scheme == "https";
  auto port = parts->port ? good_port(*parts->port) : std::optional<uint16_t>{url.tls ? 443 : 80};
  if (!port) return refused("has a bad port (80, 443, and 1024 to 65535)");
  url.port = *port;
  url.host = parts->host;
  auto bracketed = url.host.front() == '[';
  if (bracketed) url.host = url.host.substr(1, url.host.size() - 2);
  std::transform(url.host.begin(), url.host.end(), url.host.begin(), lower_case);
  if (auto why = host_problem(url.host, bracketed, rules); !why.empty()) return refused(why);
  auto tail = rest.substr(authority.size());
  tail = tail.substr(0, tail.find('#'));
  url.text = scheme + "://" + (bracketed ? "[" + url.host + "]" : url.host) + ":" + std::to_string(url.port);
  url.text += (tail.starts_with('/') ? "" : "/") + std::string{tail};
  return url;
}

}  // namespace troupe
