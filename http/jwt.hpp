// JSON Web Tokens: the algorithm belongs to the key, and is never read from the token. RFC 7519, RFC 7515.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "http/signing_key.hpp"
#include "model/job_spec.hpp"

namespace troupe {

struct token_claims {
  std::string user_id, session_id, email, username, role, tier;
  std::vector<std::string> scope = {};
  bool mfa = false;
  // Filled by check_token:
  std::string id = {};
  int64_t issued_s = 0, ends_s = 0;
};

/// Signs an access token that is good from now for `seconds`.
std::string sign_token(const token_claims&, const signing_key&, int64_t seconds, time_ms now_ms);

/// The key that a token names; `kid` empty: it names none. Null: there is no such key.
using find_key_fn = std::function<const signing_key*(std::string_view kid)>;

/// The session a token belongs to; nothing when any part of it is wrong: form, key, algorithm, signature, issuer,
/// audience, time (no leeway), type. At most 4 KiB are looked at.
std::optional<token_claims> check_token(std::string_view token, const find_key_fn&, time_ms now_ms);

}  // namespace troupe
