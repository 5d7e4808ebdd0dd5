// HMAC-SHA256 and base64url, for tokens and quotes.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "config/base64.hpp"
#include "config/hmac.hpp"

namespace troupe {

/// Takes the same time wherever they differ.
bool same_bytes(std::string_view, std::string_view);

}  // namespace troupe
