// People: register, log in, who am I. All path aliases of the contract are rows of the same work.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/jwt.hpp"
#include "http/routes.hpp"

namespace troupe {

namespace {

constexpr size_t email_bytes_max = 254, name_bytes_max = 128, password_bytes_max = 1024;
constexpr size_t password_bytes_min = 8;

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

/// The union of what the originals answer to a login, contract section 6.1.
json login_json(const call& c, const user_row& u, const std::string& session_id) {
  auto now = c.e.h.now_ms();
  auto minutes = c.e.h.settings.jwt_minutes;
  auto token = sign_token({u.id, session_id, u.email, u.username, u.role, u.tier}, c.e.jwt_secret, minutes, now);
  return {{"token", token},
          {"access_token", token},
          {"token_type", "bearer"},
          {"expires_in", minutes * 60},
          {"expires_at", iso_time(now + minutes * 60'000)},
          {"session_id", session_id},
          {"user_id", u.id},
          {"username", u.username},
          {"email", u.email},
          {"role", u.role},
          {"permissions", {"read", "write"}},
          {"mfa_verified", false},
          {"user", user_json(u)}};
}

void register_one(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  register_user message;
  message.email = f.text("email", email_bytes_max);
  message.username = f.text("username", name_bytes_max);
  message.password = f.text("password", password_bytes_max, true);
  message.organization = f.text("organization", name_bytes_max);
  f.any("role");  // sent by clients of the originals; never chosen by the client
  if (message.email.empty() && message.username.empty()) f.refuse("Email and password required");
  if (!message.email.empty() && !looks_like_email(message.email)) f.refuse("email is not an e-mail address");
  if (message.password.size() < password_bytes_min) f.refuse("password must have at least 8 characters");
  if (auto bad = f.problem()) return c->refuse(*bad);
  message.audit = audit_of(*c);
  ask(c, c->e.h.actors.identity.get(), std::move(message), [c](const registered& r) {
    auto answer = user_json(r.user);
    answer["user_id"] = r.user.id;
    answer["apiKey"] = r.api_key;
    answer["api_key"] = r.api_key;
    answer["message"] = "User registered successfully";
    c->reply(201, answer);
  });
}

void log_in_one(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto email = f.text("email", email_bytes_max);
  auto username = f.text("username", email_bytes_max);
  c->subject = email.empty() ? username : email;
  log_in message{c->subject, f.text("password", password_bytes_max, true), audit_of(*c)};
  if (message.login.empty()) f.refuse("email or username is required");
  if (auto bad = f.problem()) return c->refuse(*bad);
  ask(c, c->e.h.actors.identity.get(), std::move(message),
      [c](const logged_in& r) { c->reply(200, login_json(*c, r.user, r.session_id)); });
}

void who_am_i(const call_ptr& c) {
  auto& w = c->who;
  c->reply(200, {{"id", w.user_id},
                 {"email", w.email},
                 {"username", w.username},
                 {"organization", w.organization},
                 {"role", w.role},
                 {"tier", w.tier},
                 {"status", "active"},
                 {"created_at", time_json(w.created_ms)}});
}

}  // namespace

void add_auth_routes(std::vector<route>& rows) {
  for (auto path : {"/api/v1/auth/register", "/api/auth/register", "/auth/register"})
    rows.push_back(audited("user.register",
                           {"POST", path, access::open, "Register; answers the first API key, once", register_one}));
  for (auto path : {"/api/v1/auth/login", "/api/auth/login", "/auth/login"})
    rows.push_back(audited("login", {"POST", path, access::open, "Log in; answers an access token", log_in_one}));
  for (auto path : {"/api/v1/auth/profile", "/auth/profile", "/api/users/me"})
    rows.push_back({"GET", path, access::user, "Who am I", who_am_i});
}

}  // namespace troupe
