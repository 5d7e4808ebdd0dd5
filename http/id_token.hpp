// ID tokens of an OpenID Connect provider: RS256 against its published keys, and the claims that must hold.
// OpenID Connect Core section 3.1.3.7.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/json.hpp"

namespace troupe {

/// Whether a key of a JWK Set (RFC 7517) that may sign with RS256 made this signature. `n` and `e` are base64url.
bool is_signed_rs256(const json& jwk, std::string_view text, std::string_view signature);

/// What must be in the token.
struct id_expected {
  std::string issuer, client_id, nonce;
  time_ms now_ms = 0;
};

/// Who it is about.
struct id_person {
  std::string subject, email;
  bool email_verified = false;
};

enum class id_trouble : uint8_t { none, unknown_key, refused };

struct id_answer {
  id_trouble trouble = id_trouble::refused;
  std::string why;  // for the log: which check failed
  id_person person;
};

/// A minute of leeway for clocks. At most 64 KiB are looked at. `unknown_key`: read the provider's keys anew.
id_answer check_id_token(std::string_view token, const json& jwks, const id_expected&);

}  // namespace troupe
