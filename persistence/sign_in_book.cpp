// What may be used once is taken by a DELETE whose row count must be one.
#include "persistence/sign_in_book.hpp"

#include <stdexcept>

#include "persistence/refusal.hpp"

namespace troupe::sql {

sign_in_book::sign_in_book(connection& db)
    : count_clients_{db, "SELECT count(*) FROM oauth_clients WHERE user_id=? AND revoked_ms=0"},
      insert_client_{db,
                     "INSERT INTO oauth_clients(id,user_id,name,secret_hash,scopes,created_ms,revoked_ms)"
                     " VALUES(?,?,?,?,?,?,0)"},
      any_client_{db, "SELECT 1 FROM oauth_clients WHERE id=? AND user_id=? AND revoked_ms=0"},
      any_live_client_{db, "SELECT 1 FROM oauth_clients WHERE id=? AND revoked_ms=0"},
      end_client_{db, "UPDATE oauth_clients SET revoked_ms=? WHERE id=? AND revoked_ms=0"},
      end_sessions_{db, "UPDATE sessions SET revoked_ms=? WHERE client_id=? AND client_id<>'' AND revoked_ms=0"},
      mark_session_{db, "UPDATE sessions SET client_id=?, client_scopes=? WHERE id=?"},
      forget_sessions_{db, "DELETE FROM sessions WHERE client_id=? AND client_id<>'' AND expires_ms<?"},
      end_session_{db, "UPDATE sessions SET revoked_ms=? WHERE id=? AND client_id=? AND revoked_ms=0"},
      count_logins_{db, "SELECT count(*) FROM oidc_logins WHERE expires_ms>?"},
      forget_logins_{db, "DELETE FROM oidc_logins WHERE expires_ms<=?"},
      insert_login_{db, "INSERT INTO oidc_logins(state_hash,kept,user_id,expires_ms) VALUES(?,?,?,?)"},
      any_login_{db, "SELECT 1 FROM oidc_logins WHERE state_hash=? AND expires_ms>?"},
      take_login_{db, "DELETE FROM oidc_logins WHERE state_hash=?"},
      any_link_{db, "SELECT 1 FROM oidc_links WHERE issuer=? AND subject=?"},
      insert_link_{db, "INSERT INTO oidc_links(issuer,subject,user_id,created_ms) VALUES(?,?,?,?)"} {}

bool sign_in_book::check(const sign_in_step& step, change_result& r) {
  return std::visit([&](auto& x) { return check_one(x, r); }, step);
}

void sign_in_book::write(const sign_in_step& step) {
  std::visit([&](auto& x) { write_one(x); }, step);
}

bool sign_in_book::check_one(const client_add& x, change_result& r) {
  int64_t count = 0;
  count_clients_.first([&](row& f) { f(count); }, x.row.user_id);
  return count < x.clients_max ||
         refuse(r, errc::conflict, std::to_string(x.clients_max) + " clients are enough; delete one first");
}

bool sign_in_book::check_one(const client_end& x, change_result& r) {
  return any_client_.any(x.id, x.user_id) || refuse(r, errc::not_found, "Client not found");
}

bool sign_in_book::check_one(const client_session& x, change_result& r) {
  return any_live_client_.any(x.client_id) || refuse(r, errc::stale, "that client was deleted");
}

bool sign_in_book::check_one(const oidc_begin& x, change_result& r) {
  int64_t count = 0;
  count_logins_.first([&](row& f) { f(count); }, x.at_ms);
  return count < x.open_max || refuse(r, errc::queue_full, "too many logins are under way");
}

bool sign_in_book::check_one(const oidc_end& x, change_result& r) {
  return any_login_.any(x.state_hash, x.at_ms) || refuse(r, errc::stale, "that login is not known, or over");
}

bool sign_in_book::check_one(const oidc_link& x, change_result& r) {
  return !any_link_.any(x.issuer, x.subject) || refuse(r, errc::conflict, "that account is linked already");
}

void sign_in_book::write_one(const client_add& x) {
  auto& c = x.row;
  insert_client_.run(c.id, c.user_id, c.name, c.secret_hash, c.scopes, c.created_ms);
}

void sign_in_book::write_one(const client_end& x) {
  end_client_.run(x.at_ms, x.id);
  end_sessions_.run(x.at_ms, x.id);
}

void sign_in_book::write_one(const client_session& x) {
  mark_session_.run(x.client_id, x.scopes, x.session_id);
  forget_sessions_.run(x.client_id, x.at_ms);
}

void sign_in_book::write_one(const client_session_end& x) { end_session_.run(x.at_ms, x.session_id, x.client_id); }

void sign_in_book::write_one(const oidc_begin& x) {
  forget_logins_.run(x.at_ms);
  insert_login_.run(x.row.state_hash, x.row.kept, x.row.user_id, x.row.expires_ms);
}

void sign_in_book::write_one(const oidc_end& x) {
  if (take_login_.run(x.state_hash) != 1) throw std::logic_error{"a login was taken under its own check"};
}

void sign_in_book::write_one(const oidc_link& x) { insert_link_.run(x.issuer, x.subject, x.user_id, x.at_ms); }

}  // namespace troupe::sql
