// What is asked about second factors, clients that get tokens, and logins at an OpenID Connect provider.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/identity.hpp"

namespace troupe {

class sign_in_reader {
public:
  virtual ~sign_in_reader() = default;
  virtual mfa_view mfa(const std::string& user_id) = 0;
  /// Also one that has ended.
  virtual std::optional<oauth_client> find_client(const std::string& id) = 0;
  /// Those that have not ended, in order of id.
  virtual std::vector<oauth_client> list_clients(const std::string& user_id) = 0;
  virtual std::optional<oidc_login> find_oidc_login(const std::string& state_hash) = 0;
  /// Empty: that account is nobody's.
  virtual std::string oidc_user(const std::string& issuer, const std::string& subject) = 0;
  /// active | suspended; empty: there is no such user.
  virtual std::string user_status(const std::string& user_id) = 0;
};

namespace sql {
class connection;

/// Whether the user of a row `u` has a second factor.
inline const std::string has_factor =
    "CASE WHEN EXISTS(SELECT 1 FROM mfa_factors f WHERE f.user_id=u.id AND f.enabled_ms>0) THEN 1 ELSE 0 END";

/// REQUIRES: the connection lives longer.
std::unique_ptr<sign_in_reader> open_sign_in(connection&);
}  // namespace sql

}  // namespace troupe
