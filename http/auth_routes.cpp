// People: register, log in, who am I, API keys. All path aliases of the contract are rows of the same work.
#include "config/world.hpp"
#include "http/mfa_email.hpp"
#include "http/spend_fields.hpp"

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
  ask(c, c->e.h.actors.identity.get(), std::move(message), [c](const registered& r) {
    auto answer = user_json(r.user);
    answer["user_id"] = r.user.id;
    answer["apiKey"] = r.api_key;
    answer["api_key"] = r.api_key;
    answer["message"] = "User registered successfully";
    c->reply(201, answer);
  });
}

/// Who asks for a code by e-mail gets one, after the right password.
void answer_login(const call_ptr& c, const outcome<logged_in>& answer, const mfa_view& view, const shown_code& shown) {
  if (auto* in = std::get_if<logged_in>(&answer)) return reply_private(c, 200, login_json(*c, *in));
  auto bad = mfa_failure(std::get<failure>(answer));
  auto* factor = view.find(email_method);
  auto send = bad.word == mfa_required_word && shown.method == email_method && view.is_enabled(email_method);
  if (!send) return c->done(mfa_error(bad, view, *c));
  bad.detail = "MFA verification required: a code was sent by e-mail";
  send_code(c, *factor, view, {}, [c, bad, view] { c->done(mfa_error(bad, view, *c)); });
}

void log_in_one(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto email = f.text("email", email_bytes_max);
  auto username = f.text("username", email_bytes_max);
  shown_code shown{f.text("mfa_method", 32), f.text("mfa_token", 64)};
  log_in message{email.empty() ? username : email, f.text("password", password_bytes_max, true), {}};
  if (message.login.empty()) f.refuse("email or username is required");
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto seen = std::make_shared<mfa_view>();
  message.second = [seen, shown, secrets = c->e.secrets, now = c->e.h.now_ms()](const user_row& u, const mfa_view& view,
                                                                                const std::string& session_id) {
    *seen = view;
    return second_of_login(*secrets, view, shown, {u.id, session_id, now});
  };
  exchange(c->e.h, c->e.h.actors.identity.get(), std::move(message), no_limit,
           [c, seen, shown](const outcome<logged_in>& answer) { answer_login(c, answer, *seen, shown); });
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

void make_key(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  make_api_key message{c->who.user_id, f.text("name", name_bytes_max, true)};
  static const std::map<std::string_view, std::string_view> ceilings{
      {"daily_spend_limit", "day"}, {"monthly_spend_limit", "month"}, {"spend_limit", "total"}};
  auto currency = f.currency("currency").value_or(asset::dgpu);
  message.limits = read_limits(f, std::get<json>(body), ceilings, currency);
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto limits = json::object();
  for (auto& [name, period] : ceilings)
    for (auto& x : message.limits)
      if (x.period == period && x.limit > 0) limits[std::string{name}] = format_amount(x.limit);
  ask(c, c->e.h.actors.identity.get(), std::move(message), [c, limits](const made_api_key& k) {
    c->reply(201, {{"id", k.row.id},
                   {"name", k.row.name},
                   {"prefix", k.row.prefix},
                   {"key", k.api_key},
                   {"limits", limits},
                   {"created_at", time_json(k.row.created_ms)},
                   {"message", "Shown once: keep it safe"}});
  });
}

}  // namespace

json login_json(const call& c, const logged_in& in) {
  auto now = c.e.h.now_ms();
  auto minutes = c.e.h.settings.jwt_minutes;
  auto& u = in.user;
  auto token = access_token(c, u, in.session_id, in.mfa);
  return {{"token", token},
          {"access_token", token},
          {"token_type", "bearer"},
          {"expires_in", minutes * 60},
          {"expires_at", iso_time(now + minutes * 60'000)},
          {"session_id", in.session_id},
          {"user_id", u.id},
          {"username", u.username},
          {"email", u.email},
          {"role", u.role},
          {"permissions", {"read", "write"}},
          {"mfa_verified", in.mfa},
          {"user", user_json(u)}};
}

void add_auth_routes(std::vector<route>& rows) {
  for (auto path : {"/api/v1/auth/register", "/api/auth/register", "/auth/register"})
    rows.push_back({"POST", path, access::open, "Register; answers the first API key, once", register_one});
  for (auto path : {"/api/v1/auth/login", "/api/auth/login", "/auth/login"})
    rows.push_back({"POST", path, access::open, "Log in; answers an access token", log_in_one});
  for (auto path : {"/api/v1/auth/profile", "/auth/profile", "/api/users/me"})
    rows.push_back({"GET", path, access::user, "Who am I", who_am_i});
  for (auto path : {"/api/api-keys", "/api/v1/api-keys"})
    rows.push_back({"POST", path, access::user, "One more API key; shown once", make_key});
  add_mfa_routes(rows);
  add_oauth_routes(rows);
  add_oidc_routes(rows);
}

}  // namespace troupe
