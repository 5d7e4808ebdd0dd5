// A code is taken by an UPDATE or DELETE whose row count must be one: nobody gets past it twice.
#include "persistence/mfa_book.hpp"

#include <stdexcept>

#include "persistence/refusal.hpp"

namespace troupe::sql {

namespace {

/// The check before said that it will: else the transaction must not be committed.
void must_be_one(int64_t rows) {
  if (rows != 1) throw std::logic_error{"a second factor changed under its own check"};
}

bool has_code(const factor_proof& x) { return x.method != totp_method; }

}  // namespace

mfa_book::mfa_book(connection& db)
    : any_user_{db, "SELECT 1 FROM users WHERE id=?"},
      find_factor_{db, "SELECT secret,enabled_ms,last_step FROM mfa_factors WHERE user_id=? AND method=?"},
      any_enabled_{db, "SELECT 1 FROM mfa_factors WHERE user_id=? AND enabled_ms>0"},
      put_factor_{db,
                  "INSERT INTO mfa_factors(id,user_id,method,secret,enabled_ms,last_step) VALUES(?,?,?,?,0,0)"
                  " ON CONFLICT(id) DO UPDATE SET secret=excluded.secret, enabled_ms=0, last_step=0"},
      take_step_{db, "UPDATE mfa_factors SET last_step=? WHERE user_id=? AND method=? AND secret=? AND last_step<?"},
      enable_{db, "UPDATE mfa_factors SET enabled_ms=? WHERE user_id=? AND method=? AND enabled_ms=0"},
      drop_factor_{db, "DELETE FROM mfa_factors WHERE user_id=? AND method=?"},
      any_code_{db, "SELECT 1 FROM mfa_codes WHERE user_id=? AND kind=? AND code_hash=? AND sent_ms>?"},
      take_code_{db, "DELETE FROM mfa_codes WHERE user_id=? AND kind=? AND code_hash=?"},
      forget_codes_{db, "DELETE FROM mfa_codes WHERE user_id=? AND kind=?"},
      add_code_{db, "INSERT INTO mfa_codes(user_id,kind,code_hash,sent_ms) VALUES(?,?,?,?)"},
      find_wrong_{db, "SELECT wrong,wrong_ms FROM mfa_attempts WHERE user_id=?"},
      count_wrong_{db,
                   "INSERT INTO mfa_attempts(user_id,wrong,wrong_ms) VALUES(?,?,?)"
                   " ON CONFLICT(user_id) DO UPDATE SET wrong=excluded.wrong, wrong_ms=excluded.wrong_ms"},
      verify_session_{db, "UPDATE sessions SET mfa=1 WHERE id=? AND user_id=?"} {}

bool mfa_book::check(const mfa_step& step, change_result& r) {
  return std::visit([&](auto& x) { return check_one(x, r); }, step);
}

void mfa_book::write(const mfa_step& step) {
  std::visit([&](auto& x) { write_one(x); }, step);
}

bool mfa_book::may_try(const std::string& user_id, time_ms at_ms, change_result& r) {
  mfa_view view;
  find_wrong_.first([&](row& x) { x(view.wrong, view.wrong_ms); }, user_id);
  return view.locked_until(at_ms) == 0 || refuse(r, errc::limit_exceeded, "too many wrong codes");
}

bool mfa_book::check_one(const factor_setup& x, change_result& r) {
  if (!any_user_.any(x.row.user_id)) return refuse(r, errc::not_found, "there is no user " + x.row.user_id);
  factor_row old;
  find_factor_.first([&](row& f) { f(old.secret, old.enabled_ms, old.last_step); }, x.row.user_id, x.row.method);
  return old.enabled_ms == 0 || refuse(r, errc::conflict, x.row.method + " is enabled already; disable it first");
}

bool mfa_book::check_one(const factor_proof& x, change_result& r) {
  if (!may_try(x.user_id, x.at_ms, r)) return false;
  auto used = [&] { return refuse(r, errc::stale, "that code was used, or is of an earlier setup"); };
  auto since = x.method == email_method ? x.at_ms - emailed_code_ms : time_ms{-1};
  if (has_code(x) && !any_code_.any(x.user_id, x.method, x.code_hash, since)) return used();
  if (x.method == backup_method) return any_enabled_.any(x.user_id) || used();
  factor_row f;
  auto found = find_factor_.first([&](row& y) { y(f.secret, f.enabled_ms, f.last_step); }, x.user_id, x.method);
  auto fits = found && f.secret == x.secret && (has_code(x) || f.last_step < x.step);
  return fits || used();
}

bool mfa_book::check_one(const factor_wrong& x, change_result& r) { return may_try(x.user_id, x.at_ms, r); }

bool mfa_book::check_one(const factor_drop& x, change_result& r) {
  return find_factor_.any(x.user_id, x.method) || refuse(r, errc::conflict, x.method + " is not set up");
}

bool mfa_book::check_one(const backup_codes_put& x, change_result& r) {
  return any_enabled_.any(x.user_id) || refuse(r, errc::conflict, "no second factor is enabled");
}

bool mfa_book::check_one(const email_code_put& x, change_result& r) {
  return any_user_.any(x.user_id) || refuse(r, errc::not_found, "there is no user " + x.user_id);
}

void mfa_book::write_one(const factor_setup& x) {
  auto first = !any_enabled_.any(x.row.user_id);
  put_factor_.run(x.row.id(), x.row.user_id, x.row.method, x.row.secret);
  if (first) put_backup_codes(x.row.user_id, x.backup_hashes);
}

void mfa_book::write_one(const factor_proof& x) {
  if (has_code(x))
    must_be_one(take_code_.run(x.user_id, x.method, x.code_hash));
  else
    must_be_one(take_step_.run(x.step, x.user_id, x.method, x.secret, x.step));
  enable_.run(x.at_ms, x.user_id, x.method);
  if (!x.session_id.empty()) verify_session_.run(x.session_id, x.user_id);
}

void mfa_book::write_one(const factor_wrong& x) {
  int64_t wrong = 0;
  time_ms latest = 0;
  find_wrong_.first([&](row& f) { f(wrong, latest); }, x.user_id);
  if (x.at_ms - latest >= wrong_codes_ms) wrong = 0;
  count_wrong_.run(x.user_id, wrong + 1, std::max(x.at_ms, latest));
}

void mfa_book::write_one(const factor_drop& x) {
  drop_factor_.run(x.user_id, x.method);
  if (x.method == email_method) forget_codes_.run(x.user_id, email_method);
  if (!any_enabled_.any(x.user_id)) forget_codes_.run(x.user_id, backup_method);
}

void mfa_book::write_one(const backup_codes_put& x) { put_backup_codes(x.user_id, x.hashes); }

void mfa_book::write_one(const email_code_put& x) {
  forget_codes_.run(x.user_id, email_method);
  add_code_.run(x.user_id, email_method, x.code_hash, x.sent_ms);
}

void mfa_book::put_backup_codes(const std::string& user_id, const std::vector<std::string>& hashes) {
  forget_codes_.run(user_id, backup_method);
  for (auto& hash : hashes) add_code_.run(user_id, backup_method, hash, 0);
}

}  // namespace troupe::sql
