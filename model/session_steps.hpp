// Steps of an identity_change about sessions, passwords and the keys that tokens are signed with.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/change.hpp"

namespace troupe {

/// Somebody got in. Only while the user is active, else errc::forbidden. The newest `sessions_max` of a user live.
struct session_open {
  session_row row;
  std::string family;               // SHA-256 of what all its refresh tokens begin with; empty: it has none
  std::string refresh_hash;         // SHA-256 of the one that is good now
  std::vector<std::string> scopes;  // empty: everything its user may
  std::string label;                // "login", or what its owner called it
  std::string ip, agent;            // where it was opened from
  bool mfa = false;
};

/// The next refresh token instead of this one. errc::unauthenticated: there is no such session any more;
/// errc::conflict: the token was used before.
struct session_refresh {
  std::string family, from_hash, to_hash;
  time_ms now_ms = 0, expires_ms = 0;  // of the session, unless it is refreshed again
};

/// Ends sessions of a user that live. One that does not is left as it is.
struct session_end {
  std::string user_id;
  std::string id;      // empty: all
  std::string except;  // but this one
  time_ms at_ms = 0;
};

/// A new password, if the old one is still the one that was checked (else errc::conflict). Ends all other sessions.
struct password_write {
  std::string user_id, from_hash, to_hash;
  std::string keep;  // this session goes on
  time_ms at_ms = 0;
};

/// What a user says of itself. What is not set stays. errc::conflict: somebody else has that e-mail or name.
struct profile_write {
  std::string user_id;
  std::optional<std::string> email, username, organization;
};

/// What access tokens are signed with. Of one jwt_secret (`owner`): with another they count no more.
struct signing_key_row {
  std::string kid, owner, algorithm;  // HS256 | RS256
  std::string secret;                 // HS256: base64url; RS256: PEM; empty: jwt_secret itself, and it was retired
  time_ms from_ms = 0;                // signs from then on; verifies earlier
  time_ms ends_ms = 0;                // no token of it is good from then on; 0: not retired
};

/// A new signing key. All others of its owner end at `others_end_ms`, those that end earlier as they said.
struct signing_key_add {
  signing_key_row key;
  std::string retires;  // kid of jwt_secret itself
  time_ms others_end_ms = 0;
  bool only_first = false;  // errc::conflict when the owner has a key of that algorithm that is not retired
};

using session_step =
    std::variant<session_open, session_refresh, session_end, password_write, profile_write, signing_key_add>;

inline constexpr int sessions_max = 100;  // of one user, living ones

}  // namespace troupe
