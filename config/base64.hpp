// The way back from base64url.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// Nothing for a letter outside the alphabet; padding is one.
std::optional<std::string> from_base64url(std::string_view);

}  // namespace troupe
