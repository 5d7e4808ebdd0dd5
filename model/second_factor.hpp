// Second factors of people: what is kept of them, and how that changes. Steps of an identity_change.
#pragma once

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "model/error.hpp"
#include "model/job_spec.hpp"

namespace troupe {

struct identity_change;

inline constexpr int32_t wrong_codes_max = 5;         // then none counts any more
inline constexpr time_ms wrong_codes_ms = 3'600'000;  // until an hour passed without a wrong one
inline constexpr time_ms emailed_code_ms = 600'000;   // for so long a code that was sent is good
inline constexpr time_ms emailed_again_ms = 30'000;   // no sooner is another one sent
inline constexpr std::string_view totp_method = "totp", email_method = "email", backup_method = "backup_codes";

struct factor_row {
  std::string user_id, method;  // totp | email
  std::string secret;           // sealed: of totp the key, of email the address
  time_ms enabled_ms = 0;       // 0: set up, and not yet shown to work
  int64_t last_step = 0;        // totp: of the newest code that was taken; it and older ones are used up

  std::string id() const { return user_id + ":" + method; }
};

/// Good once.
struct open_code {
  std::string method;  // backup_codes | email
  std::string hash;
  time_ms sent_ms = 0;  // email
};

/// All that is known of the second factors of one user.
struct mfa_view {
  std::vector<factor_row> factors;
  std::vector<open_code> codes;
  int32_t wrong = 0;     // codes in a row without an hour of rest
  time_ms wrong_ms = 0;  // the latest of them

  int64_t count(std::string_view method) const {
    return std::count_if(codes.begin(), codes.end(), [&](auto& x) { return x.method == method; });
  }
  /// When the newest code was sent; 0: none is open.
  time_ms emailed_ms() const {
    time_ms latest = 0;
    for (auto& x : codes) latest = std::max(latest, x.sent_ms);
    return latest;
  }
  const factor_row* find(std::string_view method) const {
    for (auto& x : factors)
      if (x.method == method) return &x;
    return nullptr;
  }
  bool is_enabled(std::string_view method) const {
    auto* x = find(method);
    return x != nullptr && x->enabled_ms != 0;
  }
  bool any() const { return is_enabled(totp_method) || is_enabled(email_method); }
  /// When codes are looked at again; 0: now.
  time_ms locked_until(time_ms now_ms) const {
    return wrong >= wrong_codes_max && now_ms - wrong_ms < wrong_codes_ms ? wrong_ms + wrong_codes_ms : 0;
  }
};

/// Keeps a factor that is good for nothing yet. Refused (conflict) when one of the same method is enabled. The backup
/// codes replace older ones, unless another factor is enabled.
struct factor_setup {
  factor_row row;
  std::vector<std::string> backup_hashes;
};
/// A right code was shown: it is used up, what was only set up is enabled, the session counts as verified. Refused:
/// limit_exceeded after too many wrong ones, stale when the code was used or the factor is another by now.
struct factor_proof {
  std::string user_id, method;
  std::string secret;      // totp, email: as it was when the code was compared
  int64_t step = 0;        // totp
  std::string code_hash;   // email, backup_codes
  std::string session_id;  // of this user; empty: none
  time_ms at_ms = 0;
};
/// A wrong code was shown. Refused (limit_exceeded) when there were too many already.
struct factor_wrong {
  std::string user_id;
  time_ms at_ms = 0;
};
/// With the last factor the backup codes go, too.
struct factor_drop {
  std::string user_id, method;
};
/// Replaces them. Refused (conflict) when no factor is enabled.
struct backup_codes_put {
  std::string user_id;
  std::vector<std::string> hashes;
};
/// Replaces the one that was sent before.
struct email_code_put {
  std::string user_id, code_hash;
  time_ms sent_ms = 0;
};

using mfa_step = std::variant<factor_setup, factor_proof, factor_wrong, factor_drop, backup_codes_put, email_code_put>;

/// What became of the question for a second factor at a login. Whatever `what` is, it is committed: together with the
/// session, or before the refusal.
struct mfa_verdict {
  std::optional<failure> no;
  std::shared_ptr<const identity_change> what;  // null: nothing
  bool mfa = false;                             // a code was right
};

}  // namespace troupe
