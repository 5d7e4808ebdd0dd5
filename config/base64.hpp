// Base64 in both alphabets. The way to base64url is in config/world.hpp.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// Nothing for a letter outside the alphabet; padding is one.
std::optional<std::string> from_base64url(std::string_view);

/// RFC 4648 section 4, with padding.
std::string base64(std::string_view bytes);
/// The way back, with or without padding.
std::optional<std::string> from_base64(std::string);

}  // namespace troupe
