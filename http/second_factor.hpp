// Codes of second factors: compared, and what follows from that.
#pragma once

#include "http/routes.hpp"
#include "model/identity.hpp"

namespace troupe {

inline constexpr std::string_view mfa_required_word = "MFA_REQUIRED";

/// As it came with a request.
struct shown_code {
  std::string method;  // totp | email | backup_codes; empty: by the looks of the token
  std::string token;
};

/// Whose code, for which session, and whether it may be of a factor that is only set up.
struct code_question {
  std::string user_id, session_id;
  time_ms now_ms = 0;
  bool pending = false;
};

/// Compares a code. A right one is used up and a wrong one counted by what the verdict says to commit.
/// Slow for codes that are no TOTP: for identity's thread.
mfa_verdict judge_code(const vault&, const mfa_view&, const shown_code&, const code_question&);

/// The same at a login: nobody without a factor is asked for one; without a code the answer says which are there.
mfa_verdict second_of_login(const vault&, const mfa_view&, const shown_code&, const code_question&);

/// The method that is meant; empty: there is no such method.
std::string method_of(const shown_code&, const mfa_view&);
/// Those that are enabled, backup codes among them while there are any.
std::vector<std::string> methods_of(const mfa_view&);

/// Ten codes "XXXX-XXXX", without letters and digits that look alike.
std::vector<std::string> make_backup_codes();
/// Slow: for identity's thread.
std::vector<std::string> hash_codes(const std::vector<std::string>& codes, const std::string& user_id);

/// A refusal of the store in the words of the routes: 401 for a used code, 429 after too many wrong ones.
failure mfa_failure(failure);
/// The 403 of somebody who has shown a password and must show a code; the 429 says when to come again.
http_reply mfa_error(const failure&, const mfa_view&, const call&);

/// Whether this row may run before the second factor that is due, or without one where all must have one; else why
/// not.
std::optional<failure> mfa_gate(const config&, const principal&, std::string_view path);

}  // namespace troupe
