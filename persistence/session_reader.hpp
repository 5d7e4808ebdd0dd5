// What is asked about sessions and signing keys.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/session_steps.hpp"
#include "persistence/sql.hpp"

namespace troupe {

struct session_view {
  session_row row;
  std::vector<std::string> scopes;
  std::string label, ip, agent;
  time_ms refreshed_ms = 0;
  bool mfa = false;
  bool refreshable = false;
};

struct refreshed_user {
  std::string session_id;
  user_row user;
  bool mfa = false;
  bool lives = false;  // neither revoked nor expired, and its user is active
};

class session_reader {
public:
  virtual ~session_reader() = default;
  /// Those that live, newest first; at most `sessions_max`.
  virtual std::vector<session_view> sessions(const std::string& user_id, time_ms now_ms) = 0;
  virtual std::optional<refreshed_user> find_family(const std::string& family, time_ms now_ms) = 0;
  /// Of one jwt_secret, retired ones included.
  virtual std::vector<signing_key_row> signing_keys(const std::string& owner) = 0;
};

namespace sql {
/// REQUIRES: the connection lives longer.
std::unique_ptr<session_reader> open_sessions(connection&);
}  // namespace sql

}  // namespace troupe
