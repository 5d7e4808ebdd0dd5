// Changes of who may do what: people, their credentials and second factors, as rows of one transaction.
// Apart from change.hpp, which only points here: few files need it.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/job_spec.hpp"
#include "model/rate_limits.hpp"
#include "model/second_factor.hpp"
#include "model/session_steps.hpp"
#include "model/sign_in.hpp"
#include "model/webhook.hpp"

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

/// What is set of a user; what is empty stays. The last active admin stays one.
struct user_patch {
  std::string user_id;
  std::optional<std::string> status;  // active | suspended
  std::optional<std::string> role;    // user | provider | admin
  std::optional<std::string> tier;
  std::optional<std::string> password_hash;
  time_ms at_ms = 0;  // of a new status
};

/// What was counted of a user's requests, instead of what was stored before.
struct rate_counts_put {
  std::string user_id;
  rate_counts counts;
};

/// What a new API key of the same change is good for.
struct key_rules_put {
  std::string key_id;
  credential_rules rules;
};
/// The key gets another secret; the one before stays good until `old_ends_ms`. errc::conflict when the key was revoked
/// or has ended.
struct key_rotate {
  std::string key_id, new_hash, new_prefix;
  time_ms now_ms = 0, old_ends_ms = 0;
};
struct key_revoke {
  std::string key_id;
  time_ms revoked_ms = 0;
};
/// It was used at about this time.
struct key_used {
  std::string key_id;
  time_ms used_ms = 0;
};
/// A signed request may come once: errc::conflict when this nonce of the credential is known. Forgotten after
/// `ends_ms`.
struct nonce_use {
  std::string credential, nonce;
  time_ms now_ms = 0, ends_ms = 0;
};

/// One step of an identity_change. Each is written under its own condition; a step that does not hold refuses all.
using identity_step = std::variant<user_patch, rate_counts_put, key_rules_put, key_rotate, key_revoke, key_used,
                                   nonce_use, session_step, mfa_step, sign_in_step, webhook_step>;

struct identity_change {
  std::vector<identity_step> steps;
};

/// A change of one step.
inline change change_of(session_step step) {
  change c;
  c.identity = std::make_shared<identity_change>(identity_change{{std::move(step)}});
  return c;
}

}  // namespace troupe
