// Changes of who may do what: people, their credentials and second factors, as rows of one transaction.
// Apart from change.hpp, which only points here: few files need it.
#pragma once

#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/job_spec.hpp"
#include "model/second_factor.hpp"
#include "model/sign_in.hpp"

namespace troupe {

/// What a credential is good for, beyond whose it is. Empty lists: everything its user may.
struct credential_rules {
  std::vector<std::string> scopes;    // read | write | admin ...
  std::vector<std::string> models;    // that may be asked for
  std::vector<std::string> networks;  // CIDR, v4 or v6, from where it may be used
  int32_t per_minute = 0;             // requests; 0: as many as the tier of its user lets through
  bool must_sign = false;             // each request carries an HMAC
  friend bool operator==(const credential_rules&, const credential_rules&) = default;
};

/// What is set of a user; what is empty stays.
struct user_patch {
  std::string user_id;
  std::optional<std::string> status;  // active | suspended
  std::optional<std::string> role;    // user | provider | admin
  std::optional<std::string> tier;
  std::optional<std::string> password_hash;
};

/// One step of an identity_change. Each is written under its own condition; a step that does not hold refuses all.
using identity_step = std::variant<user_patch, mfa_step, sign_in_step>;

struct identity_change {
  std::vector<identity_step> steps;
};

}  // namespace troupe
