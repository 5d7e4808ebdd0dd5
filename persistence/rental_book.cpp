// One session per user, node and job at a time, and no node rents out more memory than it has: both are decided here,
// where one writer sees all starts in order.
#include "persistence/rental_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

const std::string move_columns =
    "state=?,version=?,hold=?,charged=?,fee=?,steps=?,billed_ms=?,ended_ms=?,due_ms=?,gpu_percent=?,vram_percent=?,"
    "power_draw_w=?,temperature_c=?,reported_ms=?,end_reason=?";

struct move_values {
  const rental& r;
};
template <class I>
auto inspect(I& f, move_values& x) {
  const auto& r = x.r;
  return f(r.state, r.version, r.hold, r.charged, r.fee, r.steps, r.billed_ms, r.ended_ms, r.due_ms, r.gpu_percent,
           r.vram_percent, r.power_draw_w, r.temperature_c, r.reported_ms, r.end_reason);
}

}  // namespace

rental_book::rental_book(connection& db)
    : find_{db, "SELECT version,state FROM rentals WHERE id=?"},
      same_{db, "SELECT id FROM rentals WHERE node_id=? AND user_id=? AND job_id=? AND state=0"},
      allocated_{db,
                 "SELECT CAST(coalesce(sum(vram_mb),0) AS BIGINT) FROM rentals"
                 " WHERE node_id=? AND gpu_model=? AND state=0"},
      insert_{db, "INSERT INTO rentals(" + rental_columns + ") VALUES(" + marks(35) + ")"},
      update_{db, "UPDATE rentals SET " + move_columns + " WHERE id=? AND version=? AND state=0"} {}

bool rental_book::may_start(const rental& x, change_result& r) {
  std::string other;
  if (same_.first([&](row& y) { y(other); }, x.node_id, x.user_id, x.job_id))
    return refuse(r, errc::conflict, "session " + other + " is already active there");
  int64_t used = 0;
  allocated_.first([&](row& y) { y(used); }, x.node_id, x.gpu_model);
  return x.vram_mb <= x.total_vram_mb - used ||
         refuse(r, errc::conflict,
                "only " + std::to_string(std::max<int64_t>(0, x.total_vram_mb - used)) + " MB of that GPU are free");
}

bool rental_book::check(const change& c, change_result& r) {
  if (!c.rents) return true;
  const auto& next = c.rents->next;
  int64_t version = 0;
  auto state = rental_state::active;
  auto found = find_.first([&](row& x) { x(version, state); }, next.id);
  if (next.version == 1) {
    if (found) return refuse(r, errc::conflict, "session " + next.id + " is already there");
    return may_start(next, r);
  }
  if (!found) return refuse(r, errc::not_found, "there is no session " + next.id);
  if (version != next.version - 1) return refuse(r, errc::stale, "session " + next.id + " has moved on");
  return state == rental_state::active || refuse(r, errc::conflict, "session " + next.id + " has ended");
}

void rental_book::write(const change& c) {
  if (!c.rents) return;
  const auto& next = c.rents->next;
  move_values values{next};
  auto rows = next.version == 1 ? insert_.run(next) : update_.run(values, next.id, next.version - 1);
  if (rows != 1) throw store_unavailable{"session " + next.id + " was changed by somebody else"};
}

}  // namespace troupe::sql
