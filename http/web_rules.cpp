// The Fetch standard's CORS protocol, and the few rules about Host and X-Forwarded-For.
#include "http/web_rules.hpp"

#include <algorithm>

#include "config/text.hpp"

namespace troupe {

namespace {

constexpr std::string_view all_methods = "GET, HEAD, POST, PUT, PATCH, DELETE, OPTIONS";
constexpr std::string_view known_headers =
    "Authorization, Content-Type, Idempotency-Key, X-API-Key, X-Request-ID, X-Error-Dialect, X-Signature, "
    "X-Signature-Timestamp, X-Signature-Nonce";
constexpr std::string_view shown_headers =
    "Access-Control-Expose-Headers: X-Request-ID, Retry-After, X-RateLimit-Limit, X-RateLimit-Remaining, "
    "X-RateLimit-Reset, X-RateLimit-Tier, Content-Disposition\r\n";
constexpr std::string_view preflight_seconds = "600";

bool has(const std::vector<std::string>& all, std::string_view one) {
  return std::find(all.begin(), all.end(), one) != all.end();
}

std::string joined(const std::vector<std::string>& words, std::string_view otherwise) {
  std::string text;
  for (auto& word : words) text += (text.empty() ? "" : ", ") + word;
  return words.empty() || has(words, "*") ? std::string{otherwise} : text;
}

/// Without port, without the dot at the end.
std::string_view bare_host(std::string_view host) {
  auto bracket = host.starts_with('[') ? host.find(']') : 0;
  if (bracket != host.npos) host = host.substr(0, host.find(':', bracket));
  if (host.ends_with('.')) host.remove_suffix(1);
  return host;
}

std::string_view trimmed(std::string_view text) {
  auto first = text.find_first_not_of(" \t");
  return first == text.npos ? std::string_view{} : text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

}  // namespace

web_rules::web_rules(const config& c)
    : methods_(joined(c.cors_methods, all_methods)),
      headers_(joined(c.cors_headers, known_headers)),
      any_header_(has(c.cors_headers, "*")),
      credentials_(c.cors_credentials) {
  any_origin_ = has(c.cors_origins, "*");
  for (auto& origin : c.cors_origins)
    if (origin != "*") origins_.push_back(lower(origin));
  any_host_ = c.trusted_hosts.empty() || has(c.trusted_hosts, "*");
  for (auto& host : c.trusted_hosts) {
    auto is_tail = host.starts_with("*.");
    (is_tail ? host_tails_ : hosts_).push_back(lower(std::string_view{host}.substr(is_tail ? 1 : 0)));
  }
  for (auto& text : c.trusted_proxies)
    if (auto range = parse_ip_range(text)) proxies_.push_back(*range);
}

bool web_rules::answers_for(std::string_view host) const {
  if (any_host_) return true;
  auto name = lower(bare_host(host));
  auto ends = [&](const std::string& tail) { return name.size() > tail.size() && name.ends_with(tail); };
  return has(hosts_, name) || std::any_of(host_tails_.begin(), host_tails_.end(), ends);
}

bool web_rules::allows_origin(std::string_view origin) const {
  return (any_origin_ && !credentials_) || has(origins_, origin);
}

void web_rules::append_cors(std::string& head, std::string_view origin) const {
  if (!speaks_cors()) return;
  if (!any_origin_) head += "Vary: Origin\r\n";  // also without one: a cache must not show that answer to a page
  if (origin.empty() || !allows_origin(origin)) return;
  head += "Access-Control-Allow-Origin: ";
  head += any_origin_ ? std::string_view{"*"} : origin;
  head += "\r\n";
  if (credentials_) head += "Access-Control-Allow-Credentials: true\r\n";
  head += shown_headers;
}

http_reply web_rules::preflight(std::string_view wanted_headers) const {
  http_reply reply{204, {}, {}, {}};
  reply.headers.emplace_back("Access-Control-Allow-Methods", methods_);
  reply.headers.emplace_back("Access-Control-Allow-Headers",
                             any_header_ && !wanted_headers.empty() ? std::string{wanted_headers} : headers_);
  reply.headers.emplace_back("Access-Control-Max-Age", preflight_seconds);
  return reply;
}

bool web_rules::is_proxy(const ip_bytes& x) const {
  return std::any_of(proxies_.begin(), proxies_.end(), [&](const ip_range& range) { return contains(range, x); });
}

ip_bytes web_rules::client_behind(const ip_bytes& proxy, std::string_view forwarded_for) const {
  auto last = proxy;
  while (is_proxy(last) && !forwarded_for.empty()) {
    auto comma = forwarded_for.rfind(',');
    auto found = parse_ip(trimmed(forwarded_for.substr(comma + 1)));  // npos + 1 is 0
    if (!found) return last;
    last = *found;
    forwarded_for = forwarded_for.substr(0, comma == forwarded_for.npos ? 0 : comma);
  }
  return last;
}

}  // namespace troupe
