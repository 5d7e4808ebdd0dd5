// Codes that are sent by e-mail.
#pragma once

#include "http/second_factor.hpp"
#include "http/sign_in.hpp"

namespace troupe {

/// A factor that sends codes to this address; the address is sealed into it, so that a later change of the user's own
/// does not lead the codes elsewhere.
factor_row email_factor(const vault&, const std::string& user_id, const std::string& address);

/// Sends a fresh code, then keeps its hash together with `more`: a mail server that fails changes nothing (503).
/// Refuses the call when no mail server is configured, after too many wrong codes, or soon after the last one.
void send_code(const call_ptr&, const factor_row& to, const mfa_view&, std::vector<identity_step> more,
               std::function<void()> next);

}  // namespace troupe
