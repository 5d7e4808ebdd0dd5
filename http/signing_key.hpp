// One key that tokens are signed with: HMAC-SHA256, or RSA with SHA-256. RFC 7518 sections 3.2 and 3.3.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "http/json.hpp"
#include "model/job_spec.hpp"

struct evp_pkey_st;

namespace troupe {

struct signing_key {
  std::string kid, algorithm;         // HS256 | RS256: what a token says besides is not asked
  std::string secret;                 // HS256
  std::shared_ptr<evp_pkey_st> pair;  // RS256
  time_ms from_ms = 0;                // signs from then on
  time_ms ends_ms = 0;                // verifies until then; 0: not retired
};

/// A new secret in the form of signing_key_row::secret. RSA takes a good part of a second.
std::string fresh_signing_secret(const std::string& algorithm);
/// Nothing when the secret is not one of that algorithm.
std::optional<signing_key> open_signing_key(std::string kid, const std::string& algorithm, const std::string& secret);

std::string sign(const signing_key&, std::string_view text);
bool verify(const signing_key&, std::string_view text, std::string_view signature);
/// The public half as RFC 7517 has it; null of a key that has none.
json public_jwk(const signing_key&);

}  // namespace troupe
