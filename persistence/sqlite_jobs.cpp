// Jobs change by compare-and-set on their version; the terms agreed at the submit are never written again.
#include "persistence/sqlite_jobs.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sqlite {

namespace {

/// Not the id, the owner, the terms of payment and the time of creation: those never change.
const std::string move_columns =
    "state=?, version=?, lease_epoch=?, attempts=?, deliveries=?, max_attempts=?, priority=?, cost=?, node_id=?,"
    " node_session=?, provider_user=?, node_rate=?, run_at_ms=?, leased_ms=?, started_ms=?, finished_ms=?,"
    " progress_ppm=?, error_code=?, error_message=?";
const std::string move_guard = " WHERE id=? AND version=? AND lease_epoch<=? AND ended=0";

struct move_values {
  const job& j;
};
template <class I>
auto inspect(I& f, move_values& x) {
  const auto& j = x.j;
  return f(j.state, j.version, j.lease_epoch, j.attempts, j.deliveries, j.max_attempts, j.priority, j.cost, j.node_id,
           j.node_session, j.provider_user, j.node_rate, j.run_at_ms, j.leased_ms, j.started_ms, j.finished_ms,
           j.progress_ppm, j.error_code, j.error_message);
}

}  // namespace

int ended_word(job_state s) {
  if (!is_terminal(s)) return 0;
  if (s == job_state::succeeded) return 1;
  return s == job_state::cancelled ? 3 : 2;
}

job_book::job_book(connection& db)
    : any_job_{db, "SELECT 1 FROM jobs WHERE id=?"},
      find_job_{db, "SELECT version,ended FROM jobs WHERE id=?"},
      insert_job_{db, "INSERT INTO jobs(" + job_columns + ",ended) VALUES(" + marks(35) + ") ON CONFLICT DO NOTHING"},
      move_job_{db, "UPDATE jobs SET " + move_columns + move_guard},
      end_job_{db, "UPDATE jobs SET " + move_columns + ", ended=?" + move_guard},
      insert_spec_{db, "INSERT INTO job_specs(job_id," + spec_columns + ") VALUES(" + marks(14) + ")"},
      find_attempt_{db, "SELECT outcome FROM attempts WHERE job_id=? AND epoch=?"},
      insert_attempt_{db,
                      "INSERT INTO attempts(job_id,epoch,node_id,rate,outcome,ran_ms,began_ms,ended_ms)"
                      " VALUES(" +
                          marks(8) + ")"},
      close_attempt_{db, "UPDATE attempts SET outcome=?, ran_ms=?, ended_ms=? WHERE job_id=? AND epoch=?"},
      any_result_{db, "SELECT 1 FROM results WHERE job_id=? AND epoch=?"},
      insert_result_{db, "INSERT INTO results(job_id,epoch," + report_columns + ") VALUES(" + marks(17) + ")"} {}

bool job_book::check(const change& c, change_result& r) {
  // `take` has room for one guarded write; a change that has two is looked at beforehand.
  if (c.submits && c.moves && any_job_.any(c.submits->row.id))
    return refuse(r, errc::conflict, "job " + c.submits->row.id + " is already there");
  if (c.attempt && !check_attempt(*c.attempt, r)) return false;
  if (c.result && any_result_.any(c.result->job_id, c.result->epoch))
    return refuse(r, errc::conflict, "job " + c.result->job_id + " already has the result of that attempt");
  return true;
}

/// An attempt ends once; only a late success may still replace another end (transition 7b).
bool job_book::check_attempt(const attempt_row& a, change_result& r) {
  auto outcome = attempt_outcome::open;
  auto found = find_attempt_.first([&](row& x) { x(outcome); }, a.job_id, a.epoch);
  auto about = "attempt " + std::to_string(a.epoch) + " of job " + a.job_id;
  if (a.outcome == attempt_outcome::open) return !found || refuse(r, errc::conflict, about + " is already there");
  if (!found) return refuse(r, errc::conflict, about + " never began");
  auto late_success = a.outcome == attempt_outcome::succeeded && outcome != attempt_outcome::succeeded;
  return outcome == attempt_outcome::open || late_success || refuse(r, errc::conflict, about + " has already ended");
}

bool job_book::take(const change& c, change_result& r) {
  if (c.moves && !update(c.moves->next, r)) return false;
  return !c.submits || insert(*c.submits, r);
}

bool job_book::insert(const job_insert& x, change_result& r) {
  auto rows = insert_job_.run(x.row, ended_word(x.row.state));
  return rows == 1 || refuse(r, errc::conflict, "job " + x.row.id + " is already there");
}

bool job_book::update(const job& next, change_result& r) {
  move_values values{next};
  auto before = next.version - 1;
  auto rows = is_terminal(next.state) ? end_job_.run(values, ended_word(next.state), next.id, before, next.lease_epoch)
                                      : move_job_.run(values, next.id, before, next.lease_epoch);
  return rows == 1 || say_why(next, r);
}

bool job_book::say_why(const job& next, change_result& r) {
  int64_t version = 0, ended = 0;
  if (!find_job_.first([&](row& x) { x(version, ended); }, next.id))
    return refuse(r, errc::not_found, "there is no job " + next.id);
  if (ended && version == next.version - 1) return refuse(r, errc::conflict, "job " + next.id + " has ended");
  return refuse(r, errc::stale, "job " + next.id + " has moved on");
}

void job_book::write(const change& c) {
  if (c.submits) insert_spec_.run(c.submits->row.id, c.submits->spec);
  if (c.attempt) write_attempt(*c.attempt);
  if (c.result) insert_result_.run(c.result->job_id, c.result->epoch, c.result->report);
}

void job_book::write_attempt(const attempt_row& a) {
  if (a.outcome == attempt_outcome::open)
    insert_attempt_.run(a.job_id, a.epoch, a.node_id, a.rate, a.outcome, a.ran_ms, a.at_ms, 0);
  else
    close_attempt_.run(a.outcome, a.ran_ms, a.at_ms, a.job_id, a.epoch);
}

}  // namespace troupe::sqlite
