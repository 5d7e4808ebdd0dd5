// JSON Web Tokens, HS256 only: the algorithm is pinned, never read from the token. RFC 7519, RFC 7515.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/job_spec.hpp"

namespace troupe {

struct token_claims {
  std::string user_id, session_id, email, username, role, tier;
  std::vector<std::string> scope = {};  // empty: read and write
  bool mfa = false;                     // a second factor was shown
};

/// Signs an access token that is good from now for `minutes`.
std::string sign_token(const token_claims&, const std::string& secret, int64_t minutes, time_ms now_ms);

/// The session a token belongs to; nothing when any part of it is wrong: form, algorithm, signature, issuer, audience,
/// time (no leeway), type. At most 4 KiB are looked at.
std::optional<token_claims> check_token(std::string_view token, const std::string& secret, time_ms now_ms);

}  // namespace troupe
