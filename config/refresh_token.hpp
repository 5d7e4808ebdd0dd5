// Refresh tokens: "rt_" and 43 letters of base64url, 32 random bytes. All tokens of one session begin with the same 20
// letters (its family), so that an old one is known without a list of all that ever were. Only hashes are stored.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

struct refresh_token {
  std::string text;    // shown once
  std::string family;  // SHA-256 of what all of its session begin with
  std::string hash;    // SHA-256 of the text
};

refresh_token first_refresh_token();
/// One more of the same family. REQUIRES: `text` was read by `read_refresh_token`.
refresh_token next_refresh_token(const std::string& text);
/// Nothing when it has not the form of one.
std::optional<refresh_token> read_refresh_token(std::string_view text);

}  // namespace troupe
