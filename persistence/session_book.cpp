// Each write is one conditional statement; that it changed its row is what the check before it promised.
#include "persistence/session_book.hpp"

#include <stdexcept>

#include "persistence/identity_reader.hpp"
#include "persistence/people_book.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

namespace {

constexpr int64_t remembered_ms = 7LL * 24 * 3600 * 1000;  // a session that has ended, so that its tokens are known

void must_be_one(int64_t rows, const char* what) {
  if (rows != 1) throw std::logic_error{std::string{what} + " changed " + std::to_string(rows) + " rows"};
}

bool gone(change_result& r) { return refuse(r, errc::unauthenticated, "Invalid or expired refresh token"); }

}  // namespace

session_book::session_book(connection& db)
    : status_{db, "SELECT status FROM users WHERE id=?"},
      find_family_{db,
                   "SELECT refresh_hash,expires_ms,revoked_ms,status FROM sessions s JOIN users u ON u.id=user_id"
                   " WHERE family=?"},
      find_password_{db, "SELECT password_hash FROM users WHERE id=?"},
      find_profile_{db, "SELECT email,username,organization FROM users WHERE id=?"},
      any_other_email_{db, "SELECT 1 FROM users WHERE email=? AND email<>'' AND id<>?"},
      any_other_name_{db, "SELECT 1 FROM users WHERE username=? AND id<>?"},
      any_key_{db, "SELECT 1 FROM signing_keys WHERE owner=? AND algorithm=? AND ends_ms=0"},
      insert_{
          db,
          "INSERT INTO sessions(id,user_id,created_ms,expires_ms,revoked_ms,mfa,family,refresh_hash,scopes,label,ip,"
          "agent,refreshed_ms) VALUES(" +
              marks(13) + ")"},
      crowd_out_{db,
                 "UPDATE sessions SET revoked_ms=? WHERE id IN (SELECT id FROM sessions WHERE user_id=? AND"
                 " revoked_ms=0 AND expires_ms>? ORDER BY created_ms DESC, id DESC <<lite:LIMIT -1>> OFFSET " +
                     std::to_string(sessions_max - 1) + ")"},
      forget_{db, "DELETE FROM sessions WHERE user_id=? AND (expires_ms<=? OR (revoked_ms>0 AND revoked_ms<=?))"},
      rotate_{db,
              "UPDATE sessions SET refresh_hash=?, expires_ms=?, refreshed_ms=? WHERE family=? AND refresh_hash=?"
              " AND revoked_ms=0 AND expires_ms>?"},
      end_{db, "UPDATE sessions SET revoked_ms=? WHERE user_id=? AND revoked_ms=0 AND (id=? OR ?='') AND id<>?"},
      set_password_{db, "UPDATE users SET password_hash=? WHERE id=? AND password_hash=?"},
      set_profile_{db, "UPDATE users SET email=?, username=?, organization=? WHERE id=?"},
      insert_key_{db, "INSERT INTO signing_keys(kid,owner,algorithm,secret,from_ms,ends_ms) VALUES(" + marks(6) + ")"},
      retire_base_{db,
                   "INSERT INTO signing_keys(kid,owner,algorithm,secret,from_ms,ends_ms) VALUES(?,?,'HS256','',0,0)"
                   " ON CONFLICT(kid) DO NOTHING"},
      retire_keys_{db, "UPDATE signing_keys SET ends_ms=? WHERE owner=? AND kid<>? AND (ends_ms=0 OR ends_ms>?)"} {}

bool session_book::check(const session_step& step, change_result& r) {
  return std::visit([&](auto& x) { return check_step(x, r); }, step);
}

void session_book::write(const session_step& step) {
  std::visit([&](auto& x) { write_step(x); }, step);
}

bool session_book::check_step(const session_open& x, change_result& r) {
  std::string status;
  if (!status_.first([&](row& found) { found(status); }, x.row.user_id))
    return refuse(r, errc::not_found, "there is no user " + x.row.user_id);
  return status == "active" || refuse(r, errc::forbidden, "this account is suspended");
}

void session_book::write_step(const session_open& x) {
  auto& s = x.row;
  forget_.run(s.user_id, s.created_ms - remembered_ms, s.created_ms - remembered_ms);
  crowd_out_.run(s.created_ms, s.user_id, s.created_ms);
  insert_.run(s.id, s.user_id, s.created_ms, s.expires_ms, s.revoked_ms, x.mfa, x.family, x.refresh_hash,
              join_words(x.scopes), x.label, x.ip, x.agent, s.created_ms);
}

bool session_book::check_step(const session_refresh& x, change_result& r) {
  std::string hash, status;
  time_ms expires_ms = 0, revoked_ms = 0;
  auto known = find_family_.first([&](row& found) { found(hash, expires_ms, revoked_ms, status); }, x.family);
  if (!known || revoked_ms != 0 || expires_ms <= x.now_ms || status != "active") return gone(r);
  return hash == x.from_hash || refuse(r, errc::conflict, "that refresh token was used before");
}

void session_book::write_step(const session_refresh& x) {
  must_be_one(rotate_.run(x.to_hash, x.expires_ms, x.now_ms, x.family, x.from_hash, x.now_ms), "a refresh");
}

bool session_book::check_step(const session_end&, change_result&) { return true; }

void session_book::write_step(const session_end& x) { end_.run(x.at_ms, x.user_id, x.id, x.id, x.except); }

bool session_book::check_step(const password_write& x, change_result& r) {
  std::string now;
  if (!find_password_.first([&](row& found) { found(now); }, x.user_id))
    return refuse(r, errc::not_found, "there is no user " + x.user_id);
  return now == x.from_hash || refuse(r, errc::conflict, "the password was changed meanwhile");
}

void session_book::write_step(const password_write& x) {
  must_be_one(set_password_.run(x.to_hash, x.user_id, x.from_hash), "a new password");
  end_.run(x.at_ms, x.user_id, "", "", x.keep);
}

bool session_book::check_step(const profile_write& x, change_result& r) {
  std::string email, username, organization;
  if (!find_profile_.first([&](row& found) { found(email, username, organization); }, x.user_id))
    return refuse(r, errc::not_found, "there is no user " + x.user_id);
  email = lower_case(x.email.value_or(email));
  username = lower_case(x.username.value_or(username));
  if (email.empty() && username.empty()) return refuse(r, errc::invalid, "an e-mail address or a name must remain");
  if (any_other_email_.any(email, x.user_id)) return refuse(r, errc::conflict, "that e-mail address is taken");
  auto taken = !username.empty() && any_other_name_.any(username, x.user_id);
  return !taken || refuse(r, errc::conflict, "that name is taken");
}

void session_book::write_step(const profile_write& x) {
  std::string email, username, organization;
  find_profile_.first([&](row& found) { found(email, username, organization); }, x.user_id);
  set_profile_.run(lower_case(x.email.value_or(email)), lower_case(x.username.value_or(username)),
                   x.organization.value_or(organization), x.user_id);
}

bool session_book::check_step(const signing_key_add& x, change_result& r) {
  return !x.only_first || !any_key_.any(x.key.owner, x.key.algorithm) || refuse(r, errc::conflict, "there is one");
}

void session_book::write_step(const signing_key_add& x) {
  auto& k = x.key;
  insert_key_.run(k.kid, k.owner, k.algorithm, k.secret, k.from_ms, k.ends_ms);
  if (!x.retires.empty()) retire_base_.run(x.retires, k.owner);
  if (x.others_end_ms != 0) retire_keys_.run(x.others_end_ms, k.owner, k.kid, x.others_end_ms);
}

}  // namespace troupe::sql
