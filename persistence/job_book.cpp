// Jobs change by compare-and-set on their version; the terms agreed at the submit are never written again.
#include "persistence/job_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr size_t cached_jobs_max = 200'000;

/// Not the id, the owner, the price and the time of creation: those never change.
const std::string move_columns =
    "state=?, version=?, lease_epoch=?, attempts=?, deliveries=?, max_attempts=?, priority=?, cost=?, node_id=?,"
    " node_session=?, provider_user=?, node_rate=?, run_at_ms=?, leased_ms=?, started_ms=?, finished_ms=?,"
    " progress_ppm=?, error_code=?, error_message=?, devices=?, hold=?, rare=?";
const std::string move_guard = " WHERE id=? AND version=? AND lease_epoch<=? AND ended=0";
/// What is over stays over, but for these (ended_word).
const std::string redrive_guard = " WHERE id=? AND version=? AND lease_epoch<? AND ended IN (2,4)";

struct move_values {
  const job& j;
};
template <class I>
auto inspect(I& f, move_values& x) {
  const auto& j = x.j;
  return f(j.state, j.version, j.lease_epoch, j.attempts, j.deliveries, j.max_attempts, j.priority, j.cost, j.node_id,
           j.node_session, j.provider_user, j.node_rate, j.run_at_ms, j.leased_ms, j.started_ms, j.finished_ms,
           j.progress_ppm, j.error_code, j.error_message, j.devices, j.hold, j.rare);
}

}  // namespace

int ended_word(job_state s) {
  switch (s) {
    case job_state::succeeded: return 1;
    case job_state::failed: return 2;
    case job_state::cancelled: return 3;
    case job_state::dead: return 4;
    case job_state::expired: return 5;
    default: return 0;
  }
}

job_book::job_book(connection& db)
    : find_job_{db, "SELECT version,lease_epoch,ended FROM jobs WHERE id=?"},
      find_state_{db, "SELECT state FROM jobs WHERE id=?"},
      find_attempt_{db, "SELECT outcome FROM attempts WHERE job_id=? AND epoch=?"},
      any_result_{db, "SELECT 1 FROM results WHERE job_id=? AND epoch=?"},
      redrive_{db, "UPDATE jobs SET " + move_columns + ", ended=?, hold_id=?, expires_ms=?" + redrive_guard},
      leave_behind_{db, "UPDATE attempts SET past=1 WHERE job_id=? AND epoch<?"},
      insert_jobs_{db, "INSERT INTO jobs(" + job_columns + ",ended) VALUES(" + marks_of(job_columns) + ",?)"},
      insert_specs_{db, "INSERT INTO job_specs(job_id," + spec_columns + ") VALUES(?," + marks_of(spec_columns) + ")"},
      move_jobs_{db, "UPDATE jobs SET " + move_columns + move_guard},
      end_jobs_{db, "UPDATE jobs SET " + move_columns + ", ended=?" + move_guard},
      insert_attempts_{db, "INSERT INTO attempts(job_id,epoch,node_id,rate,outcome,ran_ms,began_ms,ended_ms) VALUES(" +
                               marks(8) + ")"},
      close_attempts_{db, "UPDATE attempts SET outcome=?, ran_ms=?, ended_ms=?, accrued=? WHERE job_id=? AND epoch=?"},
      insert_results_{db, "INSERT INTO results(job_id,epoch," + report_columns + ") VALUES(" + marks(17) + ")"} {
  if (db.kind() != engine::postgres) return;
  fetch_jobs_.emplace(db, "SELECT id,version,lease_epoch,ended FROM jobs WHERE id = ANY(?::text[])");
  fetch_attempts_.emplace(db, "SELECT job_id,epoch,outcome FROM attempts WHERE job_id = ANY(?::text[])");
  fetch_results_.emplace(db, "SELECT job_id,epoch FROM results WHERE job_id = ANY(?::text[])");
}

void job_book::expect(const change& c) {
  if (!fetch_jobs_) return;
  if (c.submits) wanted_jobs_.push_back(c.submits->row.id);
  if (c.moves && !jobs_.contains(c.moves->next.id)) wanted_jobs_.push_back(c.moves->next.id);
  if (c.attempt) wanted_attempts_.push_back(c.attempt->job_id);
  if (c.result) wanted_attempts_.push_back(c.result->job_id);
}

void job_book::fetch() {
  if (!wanted_jobs_.empty()) {
    absent_.insert(wanted_jobs_.begin(), wanted_jobs_.end());
    auto take = [&](row& r) {
      std::string id;
      known x;
      r(id, x.version, x.epoch, x.ended);
      absent_.erase(id);
      jobs_.emplace(id, x);  // one that is known already is newer
    };
    fetch_jobs_->each(take, array_of(wanted_jobs_));
  }
  if (!wanted_attempts_.empty()) {
    fetched_.insert(wanted_attempts_.begin(), wanted_attempts_.end());
    auto ids = array_of(wanted_attempts_);
    attempt_key key;
    auto take_attempt = [&](row& r) {
      attempt x;
      r(key.first, key.second, x.outcome);
      attempts_.emplace(key, x);
    };
    fetch_attempts_->each(take_attempt, ids);
    auto take_result = [&](row& r) {
      r(key.first, key.second);
      results_.insert(key);
    };
    fetch_results_->each(take_result, ids);
  }
  wanted_jobs_.clear();
  wanted_attempts_.clear();
}

const job_book::known* job_book::find(const std::string& id) {
  auto at = jobs_.find(id);
  if (at != jobs_.end()) return &at->second;
  if (absent_.contains(id)) return nullptr;
  known x;
  if (!find_job_.first([&](row& r) { r(x.version, x.epoch, x.ended); }, id)) return nullptr;
  return &jobs_.emplace(id, x).first->second;
}

job_book::attempt* job_book::find_attempt(const attempt_key& key) {
  auto at = attempts_.find(key);
  if (at != attempts_.end()) return &at->second;
  if (fetched_.contains(key.first)) return nullptr;
  attempt x;
  if (!find_attempt_.first([&](row& r) { r(x.outcome); }, key.first, key.second)) return nullptr;
  return &attempts_.emplace(key, x).first->second;
}

bool job_book::has_result(const attempt_key& key) {
  if (results_.contains(key)) return true;
  return !fetched_.contains(key.first) && any_result_.any(key.first, key.second);
}

/// Asked in the name of jobs that another gateway may own, so what we remember of one does not count.
bool job_book::has_open_attempt(const std::string& job_id, int64_t epoch) {
  known now;
  auto draft = drafts_.find(job_id);
  if (draft != drafts_.end())
    now = jobs_.at(job_id);
  else if (!find_job_.first([&](row& r) { r(now.version, now.epoch, now.ended); }, job_id))
    return false;
  if (now.ended || now.epoch != epoch) return false;
  auto* a = find_attempt({job_id, epoch});
  return a != nullptr && a->outcome == attempt_outcome::open;
}

bool job_book::check(const change& c, change_result& r) {
  if (c.submits && find(c.submits->row.id))
    return refuse(r, errc::conflict, "job " + c.submits->row.id + " is already there");
  if (c.attempt && !check_attempt(*c.attempt, r)) return false;
  if (c.result && has_result({c.result->job_id, c.result->epoch}))
    return refuse(r, errc::conflict, "job " + c.result->job_id + " already has the result of that attempt");
  return !c.moves || check_move(*c.moves, r);
}

/// An attempt ends once; only a late success may still replace another end (transition 7b).
bool job_book::check_attempt(const attempt_row& a, change_result& r) {
  auto* old = find_attempt({a.job_id, a.epoch});
  auto about = "attempt " + std::to_string(a.epoch) + " of job " + a.job_id;
  if (a.outcome == attempt_outcome::open) return !old || refuse(r, errc::conflict, about + " is already there");
  if (!old) return refuse(r, errc::conflict, about + " never began");
  auto done = old->outcome == attempt_outcome::succeeded || old->outcome == attempt_outcome::preempted;  // due its pay
  auto late_success = a.outcome == attempt_outcome::succeeded && !done;
  auto open = old->outcome == attempt_outcome::open;
  return open || late_success || refuse(r, errc::conflict, about + " has already ended");
}

/// The only way out of an end. One that is not in the row yet is asked for again.
bool job_book::check_redrive(const job_update& move, const known& now, change_result& r) {
  const auto& next = move.next;
  auto moved_on = now.version != next.version - 1 || drafts_.contains(next.id);
  if (moved_on) return refuse(r, errc::stale, "job " + next.id + " has moved on");
  auto state = job_state::queued;
  find_state_.first([&](row& x) { x(state); }, next.id);
  auto may = (state == job_state::failed || state == job_state::dead) && now.epoch < next.lease_epoch;
  return may || refuse(r, errc::conflict, "job " + next.id + " is " + std::string{to_string(state)});
}

bool job_book::check_move(const job_update& move, change_result& r) {
  const auto& next = move.next;
  auto* now = find(next.id);
  if (now == nullptr) return refuse(r, errc::not_found, "there is no job " + next.id);
  auto newest = now->version == next.version - 1;
  if (move.redrives) return check_redrive(move, *now, r);
  if (newest && !now->ended && now->epoch <= next.lease_epoch) return true;
  if (now->ended && newest) return refuse(r, errc::conflict, "job " + next.id + " has ended");
  return refuse(r, errc::stale, "job " + next.id + " has moved on");
}

void job_book::write(const change& c) {
  if (c.moves) {
    const auto& next = c.moves->next;
    auto& now = jobs_.at(next.id);
    auto [at, is_new] = drafts_.try_emplace(next.id);
    if (is_new) at->second.before = now.version;
    at->second.next = next;
    if (c.moves->redrives) at->second.life_epoch = next.lease_epoch;
    now = {next.version, next.lease_epoch, is_terminal(next.state)};
  }
  if (c.submits) {
    const auto& j = c.submits->row;
    insert_jobs_.add(j, ended_word(j.state));
    insert_specs_.add(j.id, c.submits->spec);
    jobs_.insert_or_assign(j.id, known{j.version, j.lease_epoch, is_terminal(j.state)});
  }
  if (c.attempt) write_attempt(*c.attempt);
  if (c.result) {
    insert_results_.add(c.result->job_id, c.result->epoch, c.result->report);
    results_.insert({c.result->job_id, c.result->epoch});
  }
}

void job_book::write_attempt(const attempt_row& a) {
  auto& x = attempts_[{a.job_id, a.epoch}];
  if (a.outcome == attempt_outcome::open) {
    insert_attempts_.add(a.job_id, a.epoch, a.node_id, a.rate, a.outcome, a.ran_ms, a.at_ms, int64_t{0});
    x = {};
  } else {
    x = {a.outcome, a.ran_ms, a.at_ms, a.accrued, true};
  }
}

void job_book::flush_attempts() {
  if (!insert_attempts_.flush()) throw store_unavailable{"an attempt was written by somebody else"};
  for (auto at = attempts_.begin(); at != attempts_.end();) {
    const auto& [key, x] = *at;
    if (x.unwritten) close_attempts_.add(x.outcome, x.ran_ms, x.at_ms, x.accrued, key.first, key.second);
    at = attempts_.erase(at);
  }
  if (!close_attempts_.flush()) throw store_unavailable{"an attempt is not there"};
}

void job_book::redriven(const draft& x) {
  move_values values{x.next};
  if (redrive_.run(values, ended_word(x.next.state), x.next.hold_id, x.next.expires_ms, x.next.id, x.before,
                   x.next.lease_epoch) != 1)
    throw store_unavailable{"a job was changed by somebody else"};
  leave_behind_.run(x.next.id, x.life_epoch);
}

void job_book::flush() {
  if (!insert_jobs_.flush() || !insert_specs_.flush()) throw store_unavailable{"a job was written by somebody else"};
  for (const auto& [id, x] : drafts_) {
    move_values values{x.next};
    if (x.life_epoch > 0)
      redriven(x);
    else if (is_terminal(x.next.state))
      end_jobs_.add(values, ended_word(x.next.state), id, x.before, x.next.lease_epoch);
    else
      move_jobs_.add(values, id, x.before, x.next.lease_epoch);
    if (is_terminal(x.next.state)) jobs_.erase(id);
  }
  drafts_.clear();
  if (!move_jobs_.flush() || !end_jobs_.flush()) throw store_unavailable{"a job was changed by somebody else"};
  flush_attempts();
  if (!insert_results_.flush()) throw store_unavailable{"a result was written by somebody else"};
  results_.clear();
  absent_.clear();
  fetched_.clear();
  if (jobs_.size() > cached_jobs_max) jobs_.clear();
}

}  // namespace troupe::sql
