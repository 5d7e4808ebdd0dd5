// People: register, log in, who am I. All path aliases of the contract are rows of the same work.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/login_guard.hpp"
#include "http/login_json.hpp"
#include "http/mfa_email.hpp"

namespace troupe {

namespace {

constexpr size_t agent_bytes_max = 256;

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
  ask_hash(c, std::move(message), [c](const registered& r) {
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
  if (auto* in = std::get_if<logged_in>(&answer)) return c->reply(200, login_json(*c, *in));
  if (!view.any()) return c->refuse(std::get<failure>(answer));
  auto bad = mfa_failure(std::get<failure>(answer));
  auto* factor = view.find(email_method);
  auto send = bad.word == mfa_required_word && shown.method == email_method && view.is_enabled(email_method);
  audit_refusal(*c, bad);
  if (!send) return c->done(mfa_error(bad, view, *c));
  bad.detail = "MFA verification required: a code was sent by e-mail";
  send_code(c, *factor, view, {}, [c, bad, view] { c->done(mfa_error(bad, view, *c)); });
}

/// The password was right when the second factor was looked at.
void try_log_in(const call_ptr& c, log_in message, const shown_code& shown, const tell_outcome& tell_end) {
  auto place = c->e.logins->queue_up();
  if (!place) return c->refuse({errc::unavailable, "too many passwords are being checked, try again soon", {}, {}});
  auto seen = std::make_shared<mfa_view>();
  auto looked = std::make_shared<bool>(false);
  message.second = [seen, looked, shown, secrets = c->e.secrets, now = c->e.h.now_ms()](
                       const user_row& u, const mfa_view& view, const std::string& session_id) {
    *seen = view;
    *looked = true;
    return second_of_login(*secrets, view, shown, {u.id, session_id, now});
  };
  exchange(c->e.h, c->e.h.actors.identity.get(), std::move(message), no_limit,
           [c, place, seen, looked, shown, tell_end](const outcome<logged_in>& answer) {
             auto* bad = std::get_if<failure>(&answer);
             if (bad != nullptr && bad->code == errc::unauthenticated && !*looked) tell_end(attempt_end::bad);
             if (bad == nullptr) tell_end(attempt_end::good);
             answer_login(c, answer, *seen, shown);
           });
}

void log_in_one(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto email = f.text("email", email_bytes_max);
  auto username = f.text("username", email_bytes_max);
  shown_code shown{f.text("mfa_method", 32), f.text("mfa_token", 64)};
  c->subject = email.empty() ? username : email;
  log_in message{c->subject, f.text("password", password_bytes_max, true), audit_of(*c)};
  if (message.login.empty()) f.refuse("email or username is required");
  if (auto bad = f.problem()) return c->refuse(*bad);
  message.ip = c->request.remote_ip;
  message.agent = c->request.header("User-Agent").substr(0, agent_bytes_max);
  auto name = message.login;
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char x) { return std::tolower(x); });
  guarded_attempt(c, name,
                  [c, message, shown](const tell_outcome& tell_end) { try_log_in(c, message, shown, tell_end); });
}

void who_am_i(const call_ptr& c) {
  auto& w = c->who;
  c->reply(200, {{"id", w->user_id},
                 {"email", w->email},
                 {"username", w->username},
                 {"organization", w->organization},
                 {"role", w->role},
                 {"tier", w->tier},
                 {"status", "active"},
                 {"is_active", true},
                 {"mfa_verified", w->mfa},
                 {"session_id", session_of(*c)},
                 {"created_at", time_json(w->created_ms)}});
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
  add_mfa_routes(rows);
  add_oauth_routes(rows);
  add_oidc_routes(rows);
}

}  // namespace troupe
