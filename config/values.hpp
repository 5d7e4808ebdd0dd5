// How an option's text becomes a value. Nothing is returned for text that does not fit; the caller knows the key to
// name.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/config.hpp"

namespace troupe {

/// `HOST:PORT` or `[V6]:PORT`; the port may be 0.
std::optional<endpoint> parse_endpoint(std::string_view);
std::optional<uint16_t> parse_port(std::string_view);
/// An IPv4 or IPv6 address or a DNS name, without brackets.
bool is_host(std::string_view);

std::optional<int64_t> parse_integer(std::string_view);
std::optional<bool> parse_bool(std::string_view);

/// `auto` and `none` are no offers; otherwise `MODEL:VRAM_MB[xN],...`.
std::optional<std::vector<gpu_offer>> parse_gpus(std::string_view);
/// `k=v`.
std::optional<label> parse_label(std::string_view);
/// `NAME=URL`, http or https.
std::optional<std::pair<std::string, std::string>> parse_model(std::string_view);

}  // namespace troupe
