// Log in at an OpenID Connect provider. Whoever comes back is known by (issuer, subject); an e-mail address alone never
// opens an account that is there already.
#include "actors/password.hpp"
#include "config/refresh_token.hpp"
#include "http/login_json.hpp"
#include "http/money_post.hpp"
#include "http/oidc.hpp"
#include "http/sign_in.hpp"
#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr time_ms attempt_ms = 600'000;
constexpr int32_t attempts_max = 10'000;  // under way at a time
constexpr std::string_view callback_path = "/api/v1/auth/oidc/callback", cookie_name = "troupe_oidc";

using provider_ptr = std::shared_ptr<oidc_provider>;

oidc_settings settings_of(const config& c) {
  auto base = c.public_url.ends_with('/') ? c.public_url.substr(0, c.public_url.size() - 1) : c.public_url;
  return {c.oidc_issuer, c.oidc_client_id, c.oidc_client_secret, base + std::string{callback_path}};
}

std::optional<failure> not_configured(const config& c) {
  if (!c.oidc_issuer.empty() && !c.oidc_client_id.empty() && !c.public_url.empty()) return std::nullopt;
  return failure{errc::not_found, "no login provider is configured here", {}, {}};
}

/// The browser that left must be the one that comes back.
std::string cookie_of(const config& c, const std::string& state, int64_t seconds) {
  return std::string{cookie_name} + "=" + state + "; Max-Age=" + std::to_string(seconds) +
         "; Path=/api/v1/auth/oidc; HttpOnly; SameSite=Lax" + (c.public_url.starts_with("https://") ? "; Secure" : "");
}

std::string cookie_in(std::string_view header) {
  while (!header.empty()) {
    auto part = header.substr(0, header.find(';'));
    header.remove_prefix(std::min(header.size(), part.size() + 1));
    while (part.starts_with(' ')) part.remove_prefix(1);
    auto equals = part.find('=');
    if (equals != part.npos && part.substr(0, equals) == cookie_name) return std::string{part.substr(equals + 1)};
  }
  return {};
}

/// Asks the provider on errands' thread; `next` with its answer, or the refusal to the caller.
template <class Ask, class Next>
void ask_provider(const call_ptr& c, Ask question, Next next) {
  using found = std::invoke_result_t<Ask&>;
  auto kept = std::make_shared<std::optional<found>>();
  do_work message{[kept, question = std::move(question)]() mutable { *kept = question(); }};
  ask(c, c->e.h.actors.errands.get(), std::move(message), [c, kept, next = std::move(next)](const work_done&) mutable {
    if (auto* bad = std::get_if<failure>(&**kept)) return c->refuse(*bad);
    next(std::get<0>(**kept));
  });
}

/// `user_id`: who wants to link an account; empty: a login.
void send_away(const call_ptr& c, const provider_ptr& provider, const std::string& user_id) {
  auto& settings = c->e.h.settings;
  if (auto bad = not_configured(settings)) return c->refuse(*bad);
  auto attempt = make_attempt();
  auto now = c->e.h.now_ms();
  auto find = [provider, s = settings_of(settings), attempt, now] {
    return provider->authorization_url(s, attempt, now);
  };
  ask_provider(c, std::move(find), [c, attempt, now, user_id](const std::string& url) {
    auto hash = sha256_hex(attempt.state);
    auto kept = c->e.secrets->seal(attempt.nonce + " " + attempt.verifier, "oidc:" + hash);
    oidc_begin begin{{hash, kept, user_id, now + attempt_ms}, now, attempts_max};
    commit_steps(c, {}, {sign_in_step{begin}}, [c, url, attempt, user_id] {
      auto reply = user_id.empty() ? json_reply(302, json::object()) : json_reply(200, {{"authorization_url", url}});
      if (user_id.empty()) reply.headers.emplace_back("Location", url);
      reply.headers.emplace_back("Set-Cookie", cookie_of(c->e.h.settings, attempt.state, attempt_ms / 1000));
      c->done(std::move(reply));
    });
  });
}

/// What the store knows of somebody who came back.
struct known_person {
  std::optional<user_row> user;
  std::string status;
  bool email_taken = false, has_factor = false;
};

known_person look_up(store_reader& db, const std::string& issuer, const id_person& p) {
  known_person k;
  auto& at = db.identity().sign_in();
  auto id = at.oidc_user(issuer, p.subject);
  if (!id.empty()) k.user = db.find_user(id);
  if (k.user) k.status = at.user_status(id);
  if (k.user) k.has_factor = at.mfa(id).any();
  k.email_taken = !p.email.empty() && db.find_user_by_login(p.email).has_value();
  return k;
}

void open_session(const call_ptr& c, const user_row& user, bool has_factor) {
  auto now = c->e.h.now_ms();
  auto token = first_refresh_token();
  logged_in in{user, new_id("ses"), now + c->e.h.settings.refresh_days * 86'400'000, token.text};
  session_row row{in.session_id, user.id, now, in.expires_ms, 0};
  auto agent = c->request.header("User-Agent").substr(0, 256);
  session_open step{row, token.family, token.hash, {}, "oidc", c->request.remote_ip, agent};
  change x;
  x.audit = audit_by(*c, user.id, "login.oidc", in.session_id);
  commit_steps(c, std::move(x), {session_step{step}}, [c, in, has_factor] {
    auto answer = login_json(*c, in);
    if (has_factor) answer["mfa_required"] = true;  // this session may do nothing else before
    auto reply = json_reply(200, answer);
    reply.headers.emplace_back("Set-Cookie", cookie_of(c->e.h.settings, "", 0));
    c->done(std::move(reply));
  });
}

/// A new user, whose password nobody knows.
void welcome(const call_ptr& c, const std::string& issuer, const id_person& p) {
  on_identity(
      c, [] { return hash_password(random_hex(32)); },
      [c, issuer, p](const std::string& hash) {
        auto now = c->e.h.now_ms();
        change x;
        x.user = user_row{new_id("user"), p.email, {}, {}, hash, "user", "free", now};
        auto user = *x.user;
        x.audit = audit_by(*c, user.id, "user.register", user.id);
        commit_steps(c, std::move(x), {sign_in_step{oidc_link{issuer, p.subject, user.id, now}}},
                     [c, user] { open_session(c, user, false); });
      });
}

void admit_person(const call_ptr& c, const id_person& p) {
  auto issuer = c->e.h.settings.oidc_issuer;
  ask_store(
      c, [issuer, p](store_reader& db) { return look_up(db, issuer, p); },
      [c, issuer, p](const known_person& k) {
        if (k.user && k.status != "active") return c->refuse({errc::forbidden, "this user is suspended", {}, {}});
        if (k.user) return open_session(c, *k.user, k.has_factor);
        if (!p.email_verified || p.email.empty() || p.email.size() > 254)
          return c->refuse(
              {errc::forbidden, "the provider has no verified e-mail address of you", {}, {}, "EMAIL_NOT_VERIFIED"});
        if (k.email_taken)
          return c->refuse({errc::conflict,
                            "there is an account with that e-mail address: log in to it, then link",
                            {},
                            {},
                            "ACCOUNT_EXISTS"});
        welcome(c, issuer, p);
      });
}

void link_person(const call_ptr& c, const std::string& user_id, const id_person& p) {
  oidc_link link{c->e.h.settings.oidc_issuer, p.subject, user_id, c->e.h.now_ms()};
  change x;
  x.audit = audit_by(*c, user_id, "oidc.link", user_id);
  commit_steps(c, std::move(x), {sign_in_step{link}}, [c, link] {
    c->reply(200, {{"linked", true}, {"issuer", link.issuer}});
  });
}

/// The attempt is over from here on, whatever comes of it.
void redeem(const call_ptr& c, const provider_ptr& provider, const oidc_login& row, const std::string& state) {
  auto kept = c->e.secrets->open(row.kept, "oidc:" + row.state_hash);
  auto space = kept ? kept->find(' ') : std::string::npos;
  if (space == std::string::npos) return c->refuse({errc::internal, {}, {}, {}});
  oidc_attempt attempt{state, kept->substr(0, space), kept->substr(space + 1)};
  auto ask_who = [provider, s = settings_of(c->e.h.settings), attempt, now = c->e.h.now_ms(),
                  code = query_value(c->request.query, "code")] { return provider->redeem(s, code, attempt, now); };
  ask_provider(c, std::move(ask_who), [c, row](const id_person& p) {
    row.user_id.empty() ? admit_person(c, p) : link_person(c, row.user_id, p);
  });
}

failure bad_state() {
  return {errc::invalid, "this login was not begun here, or is over: begin anew", {}, {}, "OIDC_STATE_INVALID"};
}

void come_back(const call_ptr& c, const provider_ptr& provider) {
  if (auto bad = not_configured(c->e.h.settings)) return c->refuse(*bad);
  auto state = query_value(c->request.query, "state");
  auto said_by = query_value(c->request.query, "iss");  // RFC 9207
  if (!said_by.empty() && said_by != c->e.h.settings.oidc_issuer) return c->refuse(bad_state());
  if (state.empty() || !same_bytes(state, cookie_in(c->request.header("Cookie")))) return c->refuse(bad_state());
  auto hash = sha256_hex(state);
  ask_store(
      c, [hash](store_reader& db) { return db.identity().sign_in().find_oidc_login(hash); },
      [c, provider, hash, state](const std::optional<oidc_login>& row) {
        if (!row) return c->refuse(bad_state());
        auto next = [c, provider, row = *row, state] {
          if (!query_value(c->request.query, "error").empty())
            return c->refuse({errc::unauthenticated, "the login provider said no", {}, {}, "OIDC_DENIED"});
          if (query_value(c->request.query, "code").empty())
            return c->refuse({errc::invalid, "code is missing", {}, {}});
          redeem(c, provider, row, state);
        };
        commit_steps(c, {}, {sign_in_step{oidc_end{hash, c->e.h.now_ms()}}}, std::move(next),
                     [c](const failure& f) { c->refuse(f.code == errc::stale ? bad_state() : f); });
      });
}

}  // namespace

void add_oidc_routes(std::vector<route>& rows) {
  auto provider = std::make_shared<oidc_provider>(fetch);
  auto begin = [provider](const call_ptr& c) { send_away(c, provider, {}); };
  auto end = [provider](const call_ptr& c) { come_back(c, provider); };
  auto link = [provider](const call_ptr& c) { with_person(c, [&] { send_away(c, provider, c->who->user_id); }); };
  for (auto path : {"/api/v1/auth/oidc/login", "/api/auth/oidc/login", "/auth/oidc/login"})
    rows.push_back({"GET", path, access::open, "Log in at the OpenID Connect provider: a redirect", begin});
  rows.push_back({"GET", callback_path, access::open, "Where the provider sends people back; answers as a login", end});
  for (auto path : {"/api/v1/auth/oidc/link", "/auth/oidc/link"})
    rows.push_back({"POST", path, access::user, "Link an account of the provider; answers where to go", link});
}

}  // namespace troupe
