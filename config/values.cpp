// The grammars of the options.
#include "config/values.hpp"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <charconv>

#include "config/text.hpp"
#include "model/limits.hpp"

namespace troupe {

namespace {

constexpr int64_t vram_mb_max = 16 * 1024 * 1024;
constexpr size_t host_bytes_max = 253;  // of a DNS name
constexpr std::string_view letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

bool consists_of(std::string_view s, std::string_view further) {
  return std::all_of(s.begin(), s.end(), [&](char c) {
    return letters.find(c) != std::string_view::npos || further.find(c) != std::string_view::npos;
  });
}

bool is_visible(std::string_view s) {
  return std::none_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) <= ' ' || c == 0x7f; });
}

/// The address in network order, empty when the text is none of that family.
std::string address_bytes(int family, std::string_view host) {
  std::array<char, sizeof(in6_addr)> bytes{};
  if (inet_pton(family, std::string{host}.c_str(), bytes.data()) != 1) return {};
  return {bytes.data(), family == AF_INET ? sizeof(in_addr) : sizeof(in6_addr)};
}

bool is_dns_name(std::string_view host) {
  if (host.empty() || host.size() > host_bytes_max || !consists_of(host, "-._")) return false;
  auto parts = split(host, '.');
  if (parts.back().empty() && parts.size() > 1) parts.pop_back();  // the root's dot
  if (std::any_of(parts.begin(), parts.end(), [](auto part) { return part.empty(); })) return false;
  return !is_digits(parts.back());  // 10.0.0.300 is a bad address, not a name
}

std::optional<gpu_offer> parse_gpu(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto model = text.substr(0, colon);
  auto size = text.substr(colon + 1);
  std::optional<int64_t> count = 1;
  if (auto x = size.find('x'); x != std::string_view::npos) {
    count = parse_integer(size.substr(x + 1));
    size = size.substr(0, x);
  }
  auto vram = parse_integer(size);
  if (model.empty() || !consists_of(model, "-._") || !vram || !count) return std::nullopt;
  if (*vram < 1 || *vram > vram_mb_max || *count < 1 || *count > limits::gpu_count_max) return std::nullopt;
  return gpu_offer{lower(model), *vram, static_cast<int32_t>(*count)};
}

}  // namespace

std::string to_string(const endpoint& e) {
  auto host = e.host.find(':') == std::string::npos ? e.host : "[" + e.host + "]";
  return host + ":" + std::to_string(e.port);
}

bool is_loopback(std::string_view host) {
  if (lower(host) == "localhost") return true;
  if (auto v4 = address_bytes(AF_INET, host); !v4.empty()) return v4[0] == 127;
  return address_bytes(AF_INET6, host) == std::string(15, '\0') + '\1';
}

bool is_host(std::string_view host) {
  if (host.find('\0') != std::string_view::npos) return false;
  return !address_bytes(AF_INET, host).empty() || !address_bytes(AF_INET6, host).empty() || is_dns_name(host);
}

std::optional<uint16_t> parse_port(std::string_view text) {
  if (!is_digits(text)) return std::nullopt;
  auto port = parse_integer(text);
  if (!port || *port > 65535) return std::nullopt;
  return static_cast<uint16_t>(*port);
}

std::optional<endpoint> parse_endpoint(std::string_view text) {
  auto colon = text.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  auto host = text.substr(0, colon);
  auto port = parse_port(text.substr(colon + 1));
  auto in_brackets = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (in_brackets) host = host.substr(1, host.size() - 2);
  auto is_v6 = host.find(':') != std::string_view::npos;
  if (!port || is_v6 != in_brackets || !is_host(host)) return std::nullopt;
  return endpoint{std::string{host}, *port};
}

std::optional<int64_t> parse_integer(std::string_view text) {
  int64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<bool> parse_bool(std::string_view text) {
  auto word = lower(text);
  if (word == "true" || word == "1" || word == "yes" || word == "on") return true;
  if (word == "false" || word == "0" || word == "no" || word == "off") return false;
  return std::nullopt;
}

std::optional<std::vector<gpu_offer>> parse_gpus(std::string_view text) {
  std::vector<gpu_offer> offers;
  if (text == "auto" || text == "none") return offers;
  for (auto part : split(text, ',')) {
    auto offer = parse_gpu(part);
    if (!offer) return std::nullopt;
    offers.push_back(*offer);
  }
  return offers;
}

std::optional<label> parse_label(std::string_view text) {
  auto equals = text.find('=');
  if (equals == std::string_view::npos) return std::nullopt;
  label l{std::string{text.substr(0, equals)}, std::string{text.substr(equals + 1)}};
  if (l.key.empty() || !consists_of(l.key, "-._/") || l.value.empty() || !is_visible(l.value)) return std::nullopt;
  return l;
}

std::optional<std::pair<std::string, std::string>> parse_model(std::string_view text) {
  auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0 || !is_visible(text)) return std::nullopt;
  auto url = text.substr(equals + 1);
  auto scheme = url.substr(0, url.find("://"));
  if (scheme != "http" && scheme != "https") return std::nullopt;
  auto rest = url.substr(std::min(url.size(), scheme.size() + 3));
  if (rest.empty() || rest.front() == '/') return std::nullopt;
  return std::pair{std::string{text.substr(0, equals)}, std::string{url}};
}

}  // namespace troupe
