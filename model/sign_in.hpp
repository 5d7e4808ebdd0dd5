// Ways in for programs and through others: OAuth2 clients, and logins at an OpenID Connect provider. Steps of an
// identity_change.
#pragma once

#include <string>
#include <variant>

#include "model/job_spec.hpp"

namespace troupe {

/// A program that gets tokens in the name of its user.
struct oauth_client {
  std::string id, user_id, name;
  std::string secret_hash;  // SHA-256 of 256 random bits
  std::string scopes;       // that its tokens may have, with spaces between
  time_ms created_ms = 0, revoked_ms = 0;
};

/// Refused (conflict) beyond `clients_max` of one user.
struct client_add {
  oauth_client row;
  int32_t clients_max = 0;
};
/// Its sessions end with it. Refused (not_found) when it is another's, or has ended.
struct client_end {
  std::string id, user_id;
  time_ms at_ms = 0;
};
/// The session of the same change is this client's. Those of it that are over are forgotten.
struct client_session {
  std::string session_id, client_id, scopes;
  time_ms at_ms = 0;
};

/// Ends a session of that client; for any other nothing happens.
struct client_session_end {
  std::string session_id, client_id;
  time_ms at_ms = 0;
};

/// Somebody left for the provider, and may come back once.
struct oidc_login {
  std::string state_hash;  // SHA-256 of what comes back
  std::string kept;        // sealed: nonce and verifier
  std::string user_id;     // who links an account; empty: a login
  time_ms expires_ms = 0;
};
/// Those that never came back are forgotten. Refused (queue_full) when too many are on their way.
struct oidc_begin {
  oidc_login row;
  time_ms at_ms = 0;
  int32_t open_max = 0;
};
/// Came back. Refused (stale): unknown, too late, or the second time.
struct oidc_end {
  std::string state_hash;
  time_ms at_ms = 0;
};
/// From now on that account of the provider is this user. Refused (conflict) when it is anybody's already.
struct oidc_link {
  std::string issuer, subject, user_id;
  time_ms at_ms = 0;
};

using sign_in_step =
    std::variant<client_add, client_end, client_session, client_session_end, oidc_begin, oidc_end, oidc_link>;

}  // namespace troupe
