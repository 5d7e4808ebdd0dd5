// What the routes share by which people and programs get in: sessions, second factors, answers that hold tokens.
#pragma once

#include "actors/sign_in_reads.hpp"
#include "http/audit.hpp"
#include "model/identity.hpp"

namespace troupe {

// add_auth_routes adds these.
void add_mfa_routes(std::vector<route>&);
void add_oauth_routes(std::vector<route>&);
void add_oidc_routes(std::vector<route>&);

/// Signed for that session. Empty `scope`: all that its user may.
std::string access_token(const call&, const user_row&, const std::string& session_id, bool mfa,
                         const std::vector<std::string>& scope = {});

/// A person who logged in, not an API key and not a program: neither may change how its user gets in.
void with_person(const call_ptr&, std::function<void()> next);

/// One transaction of these steps and whatever `c` holds already; a refusal of the store goes to `otherwise`, or to
/// the caller as it is.
void commit_steps(const call_ptr&, change c, std::vector<identity_step> steps, std::function<void()> next,
                  std::function<void(failure)> otherwise = {});

/// Slow work on identity's thread, then `next` with what it returned.
template <class Work, class Next>
void on_identity(const call_ptr& c, Work work, Next next) {
  using made = std::invoke_result_t<Work&>;
  auto kept = std::make_shared<made>();
  do_work message{[kept, work = std::move(work)]() mutable { *kept = work(); }};
  ask(c, c->e.h.actors.identity.get(), std::move(message),
      [kept, next = std::move(next)](const work_done&) mutable { next(*kept); });
}

}  // namespace troupe
