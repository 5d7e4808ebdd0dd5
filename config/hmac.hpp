// HMAC-SHA256, for whatever is signed with a shared secret.
#pragma once

#include <string>
#include <string_view>

namespace troupe {

/// 32 bytes.
std::string hmac_sha256(std::string_view text, const std::string& key);

}  // namespace troupe
