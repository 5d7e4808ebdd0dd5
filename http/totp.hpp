// Time-based one-time passwords, RFC 6238: SHA-1, six digits, thirty seconds. And how an authenticator app is told.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/job_spec.hpp"

namespace troupe {

inline constexpr size_t totp_secret_bytes = 20;  // 160 bits

/// The code of a step of thirty seconds since 1970. `secret`: raw bytes.
std::string totp_code(std::string_view secret, int64_t step);

/// The step that a code is of: the present one, the one before or the one after, and newer than `last_step`. Nothing
/// for any other code. Takes the same time for all of them.
std::optional<int64_t> totp_step(std::string_view secret, std::string_view code, time_ms now_ms, int64_t last_step);

/// RFC 4648, without padding.
std::string base32(std::string_view bytes);

/// "otpauth://totp/ISSUER:ACCOUNT?secret=...&issuer=ISSUER&algorithm=SHA1&digits=6&period=30".
std::string otpauth_uri(std::string_view issuer, std::string_view account, std::string_view secret);

/// For a part of a URI: everything but letters, digits and "-._~" as %XX.
std::string percent_encoded(std::string_view);

}  // namespace troupe
