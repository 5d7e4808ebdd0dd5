// Sessions after the login: refresh, log out here or everywhere, look at them, end one.
#include "actors/session_reads.hpp"
#include "config/refresh_token.hpp"
#include "config/world.hpp"
#include "http/fleet_routes.hpp"
#include "http/login_json.hpp"
#include "http/money_post.hpp"
#include "model/identity.hpp"

namespace troupe {

namespace {

constexpr int64_t day_ms = 24LL * 3600 * 1000;

failure no_refresh() { return {errc::unauthenticated, "Invalid or expired refresh token", {}, {}}; }
failure no_session() {
  return {errc::invalid, "an API key has no session: log in, or revoke the key to end it", {}, {}};
}

void forget_session(const call& c, const std::string& id) {
  tell(c.e.h.actors.sessions.get(), forget_credential{"jwt:" + id});
}

/// Somebody else has a copy of the token, or had: nobody can tell who is who, so the session ends for both.
void end_family(const call_ptr& c, const refreshed_user& found) {
  auto x = change_of(session_end{found.user.id, found.session_id, {}, c->e.h.now_ms()});
  x.audit = audit_named(*c, "session.reuse", found.session_id, "unauthenticated");
  commit_change(c, std::move(x), [c, id = found.session_id] {
    forget_session(*c, id);
    c->refuse({errc::unauthenticated,
               "that refresh token was used before: its session has ended, log in again",
               {},
               {},
               "TOKEN_REUSED"});
  });
}

void rotate(const call_ptr& c, const refresh_token& old, const refreshed_user& found) {
  auto now = c->e.h.now_ms();
  auto fresh = next_refresh_token(old.text);
  auto ends_ms = now + c->e.h.settings.refresh_days * day_ms;
  auto x = change_of(session_refresh{old.family, old.hash, fresh.hash, now, ends_ms});
  x.audit = audit_named(*c, "session.refresh", found.session_id);
  commit_changes message{{std::move(x)}};
  ask(c, c->e.h.actors.ledger.get(), std::move(message), [c, found, fresh, ends_ms](const commit_results& done) {
    auto& result = done.results.at(0);
    if (result.why == errc::conflict) return end_family(c, found);
    if (result.why != errc::ok) return c->refuse(to_failure(result));
    forget_session(*c, found.session_id);  // it lives longer now
    c->reply(200, login_json(*c, {found.user, found.session_id, fresh.text, ends_ms, {}, found.mfa}));
  });
}

void refresh(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto text = f.text("refresh_token", limits::body_bytes_max, true);
  f.any("grant_type");
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto old = read_refresh_token(text);
  if (!old) return c->refuse(no_refresh());
  auto find = [family = old->family, now = c->e.h.now_ms()](store_reader& db) {
    return db.identity().sessions().find_family(family, now);
  };
  ask_store(c, std::move(find), [c, old](const std::optional<refreshed_user>& found) {
    if (!found || !found->lives) return c->refuse(no_refresh());
    rotate(c, *old, *found);
  });
}

void log_out(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto id = session_of(*c);
  if (id.empty()) return c->refuse(no_session());
  auto x = change_of(session_end{c->who->user_id, id, {}, c->e.h.now_ms()});
  x.audit = audit_named(*c, "session.end", id);
  commit_change(c, std::move(x), [c, id] {
    forget_session(*c, id);
    c->reply(200, {{"message", "Logged out"}, {"session_revoked", true}, {"session_id", id}});
  });
}

/// The sessions of whoever asks.
template <class Next>
void with_sessions(const call_ptr& c, Next next) {
  auto read = [user = c->who->user_id, now = c->e.h.now_ms()](store_reader& db) {
    return db.identity().sessions().sessions(user, now);
  };
  ask_store(c, std::move(read), std::move(next));
}

void log_out_everywhere(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  if (session_of(*c).empty()) return c->refuse(no_session());
  with_sessions(c, [c](const std::vector<session_view>& all) {
    auto x = change_of(session_end{c->who->user_id, {}, {}, c->e.h.now_ms()});
    x.audit = audit_named(*c, "session.end_all", c->who->user_id);
    commit_change(c, std::move(x), [c, count = all.size()] {
      forget(*c, c->who->user_id);
      c->reply(200, {{"message", "Logged out everywhere"}, {"sessions_revoked", count}});
    });
  });
}

json session_json(const session_view& s, const std::string& current) {
  return {{"id", s.row.id},
          {"session_id", s.row.id},
          {"current", s.row.id == current},
          {"name", s.label},
          {"created_at", time_json(s.row.created_ms)},
          {"refreshed_at", time_json(s.refreshed_ms)},
          {"expires_at", time_json(s.row.expires_ms)},
          {"refreshable", s.refreshable},
          {"scope", s.scopes},
          {"mfa_verified", s.mfa},
          {"ip", s.ip},
          {"user_agent", s.agent}};
}

void list(const call_ptr& c) {
  with_sessions(c, [c](const std::vector<session_view>& all) {
    auto rows = json::array();
    for (auto& s : all) rows.push_back(session_json(s, session_of(*c)));
    auto total = rows.size();
    c->reply(200, {{"sessions", std::move(rows)}, {"total", total}});
  });
}

void end_one(const call_ptr& c) {
  with_sessions(c, [c](const std::vector<session_view>& all) {
    auto& id = c->params["id"];
    auto mine = std::any_of(all.begin(), all.end(), [&](const session_view& s) { return s.row.id == id; });
    if (!mine) return c->refuse({errc::not_found, "Session not found", {}, {}});
    auto x = change_of(session_end{c->who->user_id, id, {}, c->e.h.now_ms()});
    x.audit = audit_named(*c, "session.end", id);
    commit_change(c, std::move(x), [c, id] {
      forget_session(*c, id);
      c->reply(200, {{"message", "Session ended"}, {"session_revoked", true}, {"session_id", id}});
    });
  });
}

}  // namespace

void add_session_routes(std::vector<route>& rows) {
  for (auto path : {"/api/v1/auth/refresh", "/api/auth/refresh", "/auth/refresh", "/api/v1/auth/token/refresh",
                    "/api/auth/token/refresh", "/auth/token/refresh"})
    rows.push_back({"POST", path, access::open, "The next access and refresh token for a refresh token", refresh});
  for (auto path : {"/api/v1/auth/logout", "/api/auth/logout", "/auth/logout"})
    rows.push_back({"POST", path, access::user, "End the session that asks", log_out});
  for (auto path : {"/api/v1/auth/logout-all", "/api/auth/logout-all", "/auth/logout-all"})
    rows.push_back({"POST", path, access::user, "End all sessions of the user", log_out_everywhere});
  for (auto path : {"/api/v1/auth/sessions", "/api/auth/sessions", "/auth/sessions"})
    rows.push_back({"GET", path, access::user, "The sessions that live", list});
  for (auto path : {"/api/v1/auth/sessions/{id}", "/api/auth/sessions/{id}", "/auth/sessions/{id}"})
    rows.push_back({"DELETE", path, access::user, "End a session", end_one});
  add_profile_routes(rows);
  add_token_routes(rows);
}

}  // namespace troupe
