// Written at once: there are few of them, and two in a group may be of one schedule.
#include "persistence/schedule_book.hpp"

#include "model/limits.hpp"
#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

const std::string move_columns =
    "name=?,cron=?,job=?,overlap=?,catch_up=?,enabled=?,version=?,start_ms=?,end_ms=?,next_ms=?,last_ms=?,"
    "last_job_id=?,last_error=?,changed_ms=?";

}  // namespace

schedule_book::schedule_book(connection& db)
    : find_{db, "SELECT version FROM schedules WHERE id=?"},
      count_{db, "SELECT count(*) FROM schedules WHERE user_id=?"},
      any_firing_{db, "SELECT 1 FROM firings WHERE schedule_id=? AND fire_ms=?"},
      insert_{db, "INSERT INTO schedules(" + schedule_columns + ") VALUES(" + marks(18) + ")"},
      update_{db, "UPDATE schedules SET " + move_columns + " WHERE id=? AND version=?"},
      remove_{db, "DELETE FROM schedules WHERE id=? AND version=?"},
      forget_firings_{db, "DELETE FROM firings WHERE schedule_id=?"},
      insert_firing_{db, "INSERT INTO firings(" + firing_columns + ") VALUES(" + marks(5) + ")"} {}

bool schedule_book::check_write(const schedule_write& w, change_result& r) {
  const auto& next = w.next;
  int64_t version = 0, of_user = 0;
  auto found = find_.first([&](row& x) { x(version); }, next.id);
  if (next.version > 1) {
    if (!found) return refuse(r, errc::not_found, "Schedule not found");
    return version == next.version - 1 || refuse(r, errc::stale, "schedule " + next.id + " has moved on");
  }
  if (found) return refuse(r, errc::conflict, "schedule " + next.id + " is already there");
  count_.first([&](row& x) { x(of_user); }, next.user_id);
  return of_user < limits::schedules_max ||
         refuse(r, errc::conflict, "no more than " + std::to_string(limits::schedules_max) + " schedules");
}

bool schedule_book::check(const change& c, change_result& r) {
  if (c.schedules && !check_write(*c.schedules, r)) return false;
  if (!c.fires) return true;
  int64_t version = 0;
  if (!find_.first([&](row& x) { x(version); }, c.fires->schedule_id))
    return refuse(r, errc::not_found, "Schedule not found");
  return !any_firing_.any(c.fires->schedule_id, c.fires->fire_ms) ||
         refuse(r, errc::conflict, "schedule " + c.fires->schedule_id + " has fired for that time");
}

void schedule_book::write(const change& c) {
  if (c.schedules) {
    const auto& [next, removes] = *c.schedules;
    int64_t rows = 0;
    if (removes) {
      rows = remove_.run(next.id, next.version - 1);
      forget_firings_.run(next.id);
    } else if (next.version == 1) {
      rows = insert_.run(next);
    } else {
      rows = update_.run(next.name, next.cron, next.job, next.overlap, next.catch_up, next.enabled, next.version,
                         next.start_ms, next.end_ms, next.next_ms, next.last_ms, next.last_job_id, next.last_error,
                         next.changed_ms, next.id, next.version - 1);
    }
    if (rows != 1) throw store_unavailable{"schedule " + next.id + " was changed by somebody else"};
  }
  if (c.fires) insert_firing_.run(*c.fires);
}

}  // namespace troupe::sql
