// One shape for logging in, refreshing and making a token.
#include "http/login_json.hpp"

#include <algorithm>

#include "config/world.hpp"
#include "http/token_keys.hpp"

namespace troupe {

json login_json(const call& c, const entry_pass& x) {
  auto now = c.e.h.now_ms();
  auto seconds = x.seconds > 0 ? x.seconds : c.e.h.settings.jwt_minutes * 60;
  auto& u = x.user;
  auto scope = x.scope.empty() ? scopes_of(u.role) : x.scope;
  auto token = c.e.keys->issue({u.id, x.session_id, u.email, u.username, u.role, u.tier, scope, x.mfa}, seconds, now);
  json answer{{"token", token},
              {"access_token", token},
              {"token_type", "bearer"},
              {"expires_in", seconds},
              {"expires_at", iso_time(now + seconds * 1000)},
              {"session_id", x.session_id},
              {"user_id", u.id},
              {"username", u.username},
              {"email", u.email},
              {"role", u.role},
              {"permissions", scope},
              {"scope", scope},
              {"mfa_verified", x.mfa},
              {"user", user_json(u)}};
  if (x.refresh_token.empty()) return answer;
  answer["refresh_token"] = x.refresh_token;
  answer["refresh_expires_at"] = iso_time(x.refresh_ends_ms);
  return answer;
}

json login_json(const call& c, const logged_in& in) {
  return login_json(c, {in.user, in.session_id, in.refresh_token, in.expires_ms, {}, in.mfa});
}

std::vector<std::string> scopes_of(const std::string& role) {
  if (role == "admin") return {"read", "write", "admin"};
  return {"read", "write"};
}

std::string session_of(const call& c) {
  constexpr std::string_view kind = "jwt:";
  return c.who->credential.starts_with(kind) ? c.who->credential.substr(kind.size()) : std::string{};
}

bool looks_like_email(std::string_view x) {
  auto at = x.find('@');
  return at != std::string_view::npos && at > 0 && at + 1 < x.size() && x.find('@', at + 1) == std::string_view::npos &&
         std::none_of(x.begin(), x.end(), [](unsigned char c) { return c <= ' ' || c == 127; });
}

json user_json(const user_row& u) {
  return {{"id", u.id},
          {"email", u.email},
          {"username", u.username},
          {"organization", u.organization},
          {"role", u.role},
          {"tier", u.tier},
          {"created_at", time_json(u.created_ms)}};
}

}  // namespace troupe
