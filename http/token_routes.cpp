// Access tokens beside the login's: make one for less than everything, look into one, end one; and the public keys.
#include "actors/session_reads.hpp"
#include "config/refresh_token.hpp"
#include "config/world.hpp"
#include "http/fleet_routes.hpp"
#include "http/key_rotation.hpp"
#include "http/login_json.hpp"
#include "http/money_post.hpp"
#include "http/token_keys.hpp"
#include "model/identity.hpp"

namespace troupe {

namespace {

constexpr size_t scopes_count_max = 16, scope_bytes_max = 64;
constexpr size_t agent_bytes_max = 256;

std::vector<std::string> own_scopes(const principal& who) {
  return who->rules && !who->rules->scopes.empty() ? who->rules->scopes : scopes_of(who->role);
}

/// A session of its own, so that it can be ended by itself. It is not refreshed.
void open_token(const call_ptr& c, entry_pass pass, const std::string& label) {
  auto now = c->e.h.now_ms();
  session_row row{pass.session_id, pass.user.id, now, now + pass.seconds * 1000, 0};
  auto agent = c->request.header("User-Agent").substr(0, agent_bytes_max);
  auto x = change_of(session_open{row, {}, {}, pass.scope, label, c->request.remote_ip, agent, pass.mfa});
  x.audit = audit_named(*c, "token.create", pass.session_id);
  commit_change(c, std::move(x), [c, pass] { c->reply(201, login_json(*c, pass)); });
}

void make_token(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  if (session_of(*c).empty())
    return c->refuse({errc::forbidden, "log in to make a token: a key's limits would not follow it", {}, {}});
  auto longest = c->e.h.settings.jwt_minutes * 60;
  entry_pass pass;
  auto label = f.text("name", name_bytes_max);
  pass.scope = f.texts("scope", scopes_count_max, scope_bytes_max);
  pass.seconds = f.integer("expires_in", 1, longest, longest);
  auto own = own_scopes(c->who);
  for (auto& x : pass.scope)
    if (std::find(own.begin(), own.end(), x) == own.end()) f.refuse("scope may not have '" + x + "'");
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto& w = c->who;
  if (pass.scope.empty() && w->rules) pass.scope = w->rules->scopes;
  pass.user = {w->user_id, w->email, w->username, w->organization, {}, w->role, w->tier, w->created_ms};
  pass.session_id = new_id("ses");
  pass.mfa = w->mfa;
  open_token(c, std::move(pass), label.empty() ? "token" : label);
}

json claims_json(const token_claims& t) {
  return {{"valid", true},          {"active", true},
          {"token_type", "access"}, {"sub", t.user_id},
          {"user_id", t.user_id},   {"username", t.username},
          {"email", t.email},       {"role", t.role},
          {"tier", t.tier},         {"rate_limit_tier", t.tier},
          {"scope", t.scope},       {"mfa_verified", t.mfa},
          {"sid", t.session_id},    {"jti", t.id},
          {"iat", t.issued_s},      {"exp", t.ends_s}};
}

/// A token is good when it is right in itself and its session lives.
void validate(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto text = f.text("token", limits::body_bytes_max, true);
  if (auto bad = f.problem()) return c->refuse(*bad);
  json no{{"valid", false}, {"active", false}};
  auto claims = c->e.keys->check(text, c->e.h.now_ms());
  if (!claims) return c->reply(200, no);
  exchange(c->e.h, c->e.h.actors.sessions.get(), admit{"jwt:" + claims->session_id}, no_limit,
           [c, no, claims](const outcome<principal>& who) {
             auto* bad = std::get_if<failure>(&who);
             if (bad == nullptr) return c->reply(200, claims_json(*claims));
             bad->code == errc::unauthenticated ? c->reply(200, no) : c->refuse(*bad);
           });
}

/// The end of a token is the end of its session: what was made of the same login goes with it.
void end_session(const call_ptr& c, const std::string& id) {
  auto x = change_of(session_end{c->who->user_id, id, {}, c->e.h.now_ms()});
  x.audit = audit_named(*c, "token.revoke", id);
  commit_change(c, std::move(x), [c, id] {
    tell(c->e.h.actors.sessions.get(), forget_credential{"jwt:" + id});
    c->reply(200, {{"message", "Token revoked"}, {"revoked", true}, {"session_id", id}});
  });
}

/// Tokens that nobody knows, and those of others, are answered alike (RFC 7009 section 2.2).
void revoke(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto text = f.text("token", limits::body_bytes_max);
  f.text("token_type_hint", scope_bytes_max);
  auto own = session_of(*c);
  if (text.empty() && own.empty()) f.refuse("token is required");
  if (auto bad = f.problem()) return c->refuse(*bad);
  if (text.empty()) return end_session(c, own);
  json nothing{{"message", "Nothing to revoke"}, {"revoked", false}};
  if (auto token = read_refresh_token(text)) {
    auto find = [family = token->family, now = c->e.h.now_ms()](store_reader& db) {
      return db.identity().sessions().find_family(family, now);
    };
    return ask_store(c, std::move(find), [c, nothing](const std::optional<refreshed_user>& found) {
      auto mine = found && found->user.id == c->who->user_id;
      mine ? end_session(c, found->session_id) : c->reply(200, nothing);
    });
  }
  auto claims = c->e.keys->check(text, c->e.h.now_ms());
  auto mine = claims && claims->user_id == c->who->user_id;
  mine ? end_session(c, claims->session_id) : c->reply(200, nothing);
}

void public_keys(const call_ptr& c) {
  auto reply = json_reply(200, c->e.keys->public_keys(c->e.h.now_ms()));
  reply.headers.emplace_back("Cache-Control", "public, max-age=60");
  c->done(std::move(reply));
}

}  // namespace

void add_token_routes(std::vector<route>& rows) {
  for (auto path : {"/api/v1/auth/token", "/api/auth/token", "/auth/token"})
    rows.push_back({"POST", path, access::user, "An access token with less scope or a shorter life", make_token});
  for (auto path : {"/api/v1/auth/token/validate", "/api/auth/token/validate", "/auth/token/validate"})
    rows.push_back({"POST", path, access::user, "Whether an access token is good, and what it says", validate});
  for (auto path : {"/api/v1/auth/token/revoke", "/api/auth/token/revoke", "/auth/token/revoke"})
    rows.push_back({"POST", path, access::user, "End a token and its session", revoke});
  rows.push_back({"GET", "/.well-known/jwks.json", access::open, "The public keys of RS256 tokens", public_keys});
  rows.push_back(audited("jwt.rotate",
                         {"POST", "/api/admin/jwt/rotate", access::admin, "A new key for tokens", rotate_token_key}));
  rows.push_back({"GET", "/api/admin/jwt/keys", access::admin, "The keys for tokens", list_token_keys});
}

}  // namespace troupe
