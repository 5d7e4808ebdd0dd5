// A webhook moves on by an UPDATE from the place where it was read, whose row count must be one: of two that have told
// it the same event, one is refused.
#include "persistence/webhook_book.hpp"

#include <stdexcept>

#include "persistence/identity_reader.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

namespace {

/// The check before said that it will: else the transaction must not be committed.
void must_be_one(int64_t rows) {
  if (rows != 1) throw std::logic_error{"a webhook changed under its own check"};
}

const std::string newest_event = "(SELECT coalesce(max(newest),0) FROM event_ends WHERE user_id=?)";

}  // namespace

webhook_book::webhook_book(connection& db)
    : count_{db, "SELECT count(*) FROM webhooks WHERE user_id=?"},
      insert_{db,
              "INSERT INTO webhooks(id,user_id,url,secret,old_secret,old_ends_ms,events,active,told_seq,attempts,"
              "next_ms,given_up,created_ms) VALUES(?,?,?,?,'',0,?,?," +
                  newest_event + ",0,0,0,?)"},
      any_{db, "SELECT 1 FROM webhooks WHERE id=? AND user_id=?"},
      set_{db, "UPDATE webhooks SET told_seq=CASE WHEN active<? THEN " + newest_event +
                   " ELSE told_seq END, given_up=CASE WHEN active=0 THEN 0 ELSE given_up END,"
                   " url=?, events=?, active=?, attempts=0, next_ms=0 WHERE id=? AND user_id=?"},
      any_secret_{db, "SELECT 1 FROM webhooks WHERE id=? AND user_id=? AND secret=?"},
      rotate_{db, "UPDATE webhooks SET secret=?, old_secret=?, old_ends_ms=? WHERE id=? AND user_id=? AND secret=?"},
      remove_{db, "DELETE FROM webhooks WHERE id=? AND user_id=?"},
      forget_deliveries_{db, "DELETE FROM webhook_deliveries WHERE webhook_id=?"},
      any_place_{db, "SELECT 1 FROM webhooks WHERE id=? AND told_seq=? AND attempts=? AND active=1"},
      move_{db,
            "UPDATE webhooks SET told_seq=?, attempts=?, next_ms=?, given_up=?, active=?"
            " WHERE id=? AND told_seq=? AND attempts=? AND active=1"},
      put_delivery_{db,
                    "INSERT INTO webhook_deliveries(webhook_id,seq,event,state,attempts,status,trouble,first_ms,"
                    "last_ms,next_ms) VALUES(?,?,?,?,?,?,?,?,?,?) ON CONFLICT(webhook_id,seq) DO UPDATE SET"
                    " state=excluded.state, attempts=excluded.attempts, status=excluded.status,"
                    " trouble=excluded.trouble, last_ms=excluded.last_ms, next_ms=excluded.next_ms"},
      prune_{db,
             "DELETE FROM webhook_deliveries WHERE webhook_id=? AND seq<=(SELECT seq FROM webhook_deliveries"
             " WHERE webhook_id=? ORDER BY seq DESC LIMIT 1 OFFSET " +
                 std::to_string(webhook_deliveries_kept) + ")"} {}

bool webhook_book::check(const webhook_step& step, change_result& r) {
  return std::visit([&](auto& x) { return check_one(x, r); }, step);
}

void webhook_book::write(const webhook_step& step) {
  std::visit([&](auto& x) { write_one(x); }, step);
}

bool webhook_book::check_one(const webhook_add& x, change_result& r) {
  int64_t count = 0;
  count_.first([&](row& f) { f(count); }, x.row.user_id);
  return count < x.most || refuse(r, errc::conflict, std::to_string(x.most) + " webhooks are enough; delete one first");
}

bool webhook_book::check_one(const webhook_set& x, change_result& r) {
  return any_.any(x.id, x.user_id) || refuse(r, errc::not_found, "Webhook not found");
}

bool webhook_book::check_one(const webhook_rotate& x, change_result& r) {
  return any_secret_.any(x.id, x.user_id, x.before) || refuse(r, errc::stale, "its secret was changed meanwhile");
}

bool webhook_book::check_one(const webhook_remove& x, change_result& r) {
  return any_.any(x.id, x.user_id) || refuse(r, errc::not_found, "Webhook not found");
}

bool webhook_book::check_one(const webhook_move& x, change_result& r) {
  return any_place_.any(x.id, x.from_seq, x.from_attempts) || refuse(r, errc::stale, "the webhook is not there now");
}

void webhook_book::write_one(const webhook_add& x) {
  auto& w = x.row;
  insert_.run(w.id, w.user_id, w.url, w.secret, join_words(w.events), w.active, w.user_id, w.created_ms);
}

void webhook_book::write_one(const webhook_set& x) {
  must_be_one(set_.run(x.active, x.user_id, x.url, join_words(x.events), x.active, x.id, x.user_id));
}

void webhook_book::write_one(const webhook_rotate& x) {
  must_be_one(rotate_.run(x.secret, x.old_secret, x.old_ends_ms, x.id, x.user_id, x.before));
}

void webhook_book::write_one(const webhook_remove& x) {
  must_be_one(remove_.run(x.id, x.user_id));
  forget_deliveries_.run(x.id);
}

void webhook_book::write_one(const webhook_move& x) {
  must_be_one(move_.run(x.told_seq, x.attempts, x.next_ms, x.given_up, x.active, x.id, x.from_seq, x.from_attempts));
  if (!x.delivery) return;
  auto& d = *x.delivery;
  put_delivery_.run(x.id, d.seq, d.event, d.state, d.attempts, d.status, d.trouble, d.first_ms, d.last_ms, d.next_ms);
  prune_.run(x.id, x.id);
}

}  // namespace troupe::sql
