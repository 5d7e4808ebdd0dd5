// Shared by the routes of logins, second factors, clients and providers.
#include "http/sign_in.hpp"

#include "http/login_json.hpp"
#include "http/token_keys.hpp"

namespace troupe {

std::string access_token(const call& c, const user_row& u, const std::string& session_id, bool mfa,
                         const std::vector<std::string>& scope) {
  token_claims claims{u.id, session_id, u.email, u.username, u.role, u.tier, scope.empty() ? scopes_of(u.role) : scope,
                      mfa};
  return c.e.keys->issue(claims, c.e.h.settings.jwt_minutes * 60, c.e.h.now_ms());
}

void with_person(const call_ptr& c, std::function<void()> next) {
  auto is_person = c->who->credential.starts_with("jwt:") && !c->who->rules;
  if (!is_person)
    return c->refuse(
        {errc::forbidden, "log in with your password for this: a key or a client may not", {}, {}, "LOGIN_REQUIRED"});
  next();
}

void commit_steps(const call_ptr& c, change x, std::vector<identity_step> steps, std::function<void()> next,
                  std::function<void(failure)> otherwise) {
  x.identity = std::make_shared<const identity_change>(identity_change{std::move(steps)});
  commit_changes message{{std::move(x)}};
  ask(c, c->e.h.actors.ledger.get(), std::move(message),
      [c, next = std::move(next), otherwise = std::move(otherwise)](const commit_results& done) {
        auto& result = done.results.at(0);
        if (result.why == errc::ok) return next();
        otherwise ? otherwise(to_failure(result)) : c->refuse(to_failure(result));
      });
}

}  // namespace troupe
