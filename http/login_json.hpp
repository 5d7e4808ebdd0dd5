// What is answered to whoever got in, and the small words that routes about sessions share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "http/audit.hpp"
#include "http/routes.hpp"

namespace troupe {

struct entry_pass {
  user_row user;
  std::string session_id;
  std::string refresh_token;            // empty: it cannot be refreshed
  time_ms refresh_ends_ms = 0;          // unless it is used
  std::vector<std::string> scope = {};  // empty: all of its user's
  bool mfa = false;
  int64_t seconds = 0;  // of the access token; 0: as configured
};

/// The union of what the originals answer to a login, contract section 6.1, with a new access token.
/// REQUIRES: there is a key to sign with.
json login_json(const call&, const entry_pass&);
json login_json(const call&, const logged_in&);

/// What somebody of that role may.
std::vector<std::string> scopes_of(const std::string& role);

/// The session that asks; empty: an API key does.
std::string session_of(const call&);

constexpr size_t email_bytes_max = 254, name_bytes_max = 128, password_bytes_max = 1024;
constexpr size_t password_bytes_min = 8;
bool looks_like_email(std::string_view);
json user_json(const user_row&);

// add_session_routes adds these.
void add_profile_routes(std::vector<route>&);
void add_token_routes(std::vector<route>&);

}  // namespace troupe
