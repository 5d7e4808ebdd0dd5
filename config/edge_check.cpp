// Certificate and key, origins, hosts and address ranges, each by its own form.
#include "config/edge_check.hpp"

#include <algorithm>

#include "config/certificates.hpp"
#include "config/text.hpp"
#include "model/ip_range.hpp"

namespace troupe {

namespace {

using problem = std::optional<edge_problem>;

problem check_tls(const config& c) {
  if (c.tls_cert.empty() && c.tls_key.empty()) return std::nullopt;
  if (c.tls_cert.empty()) return edge_problem{"tls-cert", "", "is missing: --tls-cert and --tls-key go together"};
  if (c.tls_key.empty()) return edge_problem{"tls-key", "", "is missing: --tls-cert and --tls-key go together"};
  auto why = pair_problem(c.tls_cert, c.tls_key);
  if (why.empty()) return std::nullopt;
  return edge_problem{"tls-cert", c.tls_cert, "cannot serve: " + why};
}

/// "https://app.example.org:8443": no path, no wildcard within.
bool is_origin(std::string_view text) {
  auto rest = text.starts_with("https://") ? text.substr(8) : text.starts_with("http://") ? text.substr(7) : "";
  auto fits = [](char x) { return x > 0x20 && x < 0x7f && x != '/' && x != '*' && x != ',' && x != '@'; };
  return !rest.empty() && std::all_of(rest.begin(), rest.end(), fits);
}

/// A method or the name of a header.
bool is_token(std::string_view text) {
  auto fits = [](unsigned char x) { return std::isalnum(x) != 0 || x == '-' || x == '_' || x == '.'; };
  return !text.empty() && (text == "*" || std::all_of(text.begin(), text.end(), fits));
}

bool is_host(std::string_view text) {
  if (text.starts_with('[') && text.ends_with(']')) return is_host_name(text.substr(1, text.size() - 2));
  return text == "*" || is_host_name(text.starts_with("*.") ? text.substr(2) : text);
}

problem check_all(std::string_view option, const std::vector<std::string>& values, bool (*good)(std::string_view),
                  const char* why) {
  for (auto& value : values)
    if (!good(value)) return edge_problem{option, value, why};
  return std::nullopt;
}

problem check_cors(const config& c) {
  auto any = std::find(c.cors_origins.begin(), c.cors_origins.end(), "*") != c.cors_origins.end();
  if (any && c.cors_credentials)
    return edge_problem{"cors-credentials", "true", "is refused together with the origin *: name the origins"};
  for (auto& value : c.cors_origins)
    if (value != "*" && !is_origin(value))
      return edge_problem{"cors-origin", value, "is not http(s)://HOST[:PORT], without a path, or *"};
  if (auto bad = check_all("cors-method", c.cors_methods, is_token, "is no method")) return bad;
  return check_all("cors-header", c.cors_headers, is_token, "is no name of a header");
}

}  // namespace

std::optional<edge_problem> find_edge_problem(const config& c) {
  auto is_range = [](std::string_view text) { return parse_ip_range(text).has_value(); };
  constexpr auto no_range = "is no address and no range like 10.0.0.0/8";
  if (auto bad = check_tls(c)) return bad;
  if (auto bad = check_cors(c)) return bad;
  if (auto bad = check_all("trusted-host", c.trusted_hosts, is_host, "is no host name (without port), *.NAME or *"))
    return bad;
  if (auto bad = check_all("trusted-proxy", c.trusted_proxies, is_range, no_range)) return bad;
  return check_all("outbound-allow", c.outbound_allow, is_range, no_range);
}

}  // namespace troupe
