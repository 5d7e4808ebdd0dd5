// A nonce is stored in the same way as the books: whoever answers a signed request knows that no other gateway will.
#include "persistence/key_book.hpp"

#include <sstream>

#include "persistence/identity_reader.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

key_book::key_book(connection& db)
    : put_counts_{db,
                  "INSERT INTO rate_counts(user_id,minute_start,minute_count,hour_start,hour_count,day_start,"
                  "day_count,keys) VALUES(?,?,?,?,?,?,?,?) ON CONFLICT(user_id) DO UPDATE SET"
                  " minute_start=excluded.minute_start, minute_count=excluded.minute_count,"
                  " hour_start=excluded.hour_start, hour_count=excluded.hour_count,"
                  " day_start=excluded.day_start, day_count=excluded.day_count, keys=excluded.keys"},
      put_rules_{db, "UPDATE api_keys SET scopes=?, models=?, networks=?, per_minute=?, must_sign=? WHERE id=?"},
      any_live_{db, "SELECT 1 FROM api_keys WHERE id=? AND revoked_ms=0 AND (expires_ms=0 OR expires_ms>?)"},
      any_key_{db, "SELECT 1 FROM api_keys WHERE id=?"},
      keep_old_{db,
                "INSERT INTO old_keys(key_hash,key_id,ends_ms) SELECT key_hash,id,CAST(? AS BIGINT) FROM api_keys "
                "WHERE id=?"},
      put_secret_{db, "UPDATE api_keys SET key_hash=?, prefix=? WHERE id=?"},
      revoke_{db, "UPDATE api_keys SET revoked_ms=? WHERE id=? AND revoked_ms=0"},
      end_old_{db, "DELETE FROM old_keys WHERE key_id=? AND ends_ms<=?"},
      put_used_{db, "UPDATE api_keys SET used_ms=? WHERE id=? AND used_ms<?"},
      any_nonce_{db, "SELECT 1 FROM signing_nonces WHERE credential=? AND nonce=?"},
      add_nonce_{db, "INSERT INTO signing_nonces(credential,nonce,ends_ms) VALUES(?,?,?)"},
      drop_nonces_{db, "DELETE FROM signing_nonces WHERE ends_ms<?"} {}

bool key_book::check(const key_rotate& x, change_result& r) {
  return any_live_.any(x.key_id, x.now_ms) || refuse(r, errc::conflict, "that key has ended");
}

bool key_book::check(const key_revoke& x, change_result& r) {
  return any_key_.any(x.key_id) || refuse(r, errc::not_found, "API key not found");
}

bool key_book::check(const nonce_use& x, change_result& r) {
  return !any_nonce_.any(x.credential, x.nonce) || refuse(r, errc::conflict, "that nonce was used before");
}

void key_book::write(const rate_counts_put& x) {
  auto& c = x.counts;
  put_counts_.run(x.user_id, c.minute.start_ms, c.minute.count, c.hour.start_ms, c.hour.count, c.day.start_ms,
                  c.day.count, join_windows(c.keys));
}

void key_book::write(const key_rules_put& x) {
  auto& r = x.rules;
  put_rules_.run(join_words(r.scopes), join_words(r.models), join_words(r.networks), r.per_minute, r.must_sign,
                 x.key_id);
}

void key_book::write(const key_rotate& x) {
  end_old_.run(x.key_id, x.now_ms);
  keep_old_.run(x.old_ends_ms, x.key_id);
  put_secret_.run(x.new_hash, x.new_prefix, x.key_id);
}

void key_book::write(const key_revoke& x) { revoke_.run(x.revoked_ms, x.key_id); }

void key_book::write(const key_used& x) { put_used_.run(x.used_ms, x.key_id, x.used_ms); }

void key_book::write(const nonce_use& x) {
  drop_nonces_.run(x.now_ms);
  add_nonce_.run(x.credential, x.nonce, x.ends_ms);
}

std::string join_windows(const std::map<std::string, rate_window>& all) {
  std::string text;
  for (auto& [id, w] : all) {
    if (w.count == 0) continue;
    text += (text.empty() ? "" : " ") + id + ' ' + std::to_string(w.start_ms) + ' ' + std::to_string(w.count);
  }
  return text;
}

std::map<std::string, rate_window> windows_of(const std::string& text) {
  std::map<std::string, rate_window> all;
  std::istringstream words{text};
  std::string id;
  for (rate_window w; words >> id >> w.start_ms >> w.count;) all[id] = w;
  return all;
}

}  // namespace troupe::sql
