// The transitions. Numbers in brackets are rows of the reference table.
#include "model/job.hpp"

#include <algorithm>
#include <cassert>

#include "model/job_steps.hpp"
#include "model/limits.hpp"

namespace troupe {

using namespace job_input;
using namespace steps;

namespace {

/// A message of another grant than the newest changes nothing. (24)
bool is_stale(const job& j, int64_t epoch) { return epoch != j.lease_epoch; }

}  // namespace

step steps::refuse(errc why) {
  step s;
  s.why = why;
  return s;
}

step steps::go(const job& j, job_state to) {
  step s;
  s.next = j;
  s.next.state = to;
  s.next.version = j.version + 1;
  return s;
}

/// Every way out of life: the hold is resolved here and nowhere else. `paid`: for the newest attempt; what accrued
/// before is paid with it.
step steps::end(const job& j, job_state to, std::string_view event, settlement paid, time_ms now) {
  assert(is_terminal(to));
  auto s = go(j, to);
  s.event = event;
  s.settle = paid;
  s.next.cost = paid.subtotal + paid.fee + accrued_total(j);
  s.next.finished_ms = now;
  s.vacates = is_granted(j.state);
  return s;
}

step steps::end_with_error(const job& j, job_state to, std::string code, std::string message, settlement paid,
                           time_ms now) {
  auto s = end(j, to, "failed", paid, now);
  s.next.error_code = std::move(code);
  s.next.error_message = std::move(message);
  return s;
}

namespace {

/// base * 2^n, at most the job's bound, times 0.5 to 1.5.
int64_t backoff_ms(const job& j, int32_t attempts, int32_t jitter_ppm) {
  auto base = j.retry_base_ms > 0 ? j.retry_base_ms : limits::retry_base_ms;
  auto most = j.retry_max_ms > 0 ? j.retry_max_ms : std::max(base, limits::retry_max_ms);
  auto pause = std::min(most, base << std::clamp(attempts - 1, 0, limits::attempts_max));
  return pause / 2 + pause * jitter_ppm / 1'000'000;
}

/// (9, 12, 14) Another try while the budget lasts; the hold stays.
step retry(const job& j, attempt_outcome how, int64_t pause_ms, std::string code, std::string message, time_ms now) {
  auto spent = j.attempts >= j.max_attempts;
  auto s = spent ? end_with_error(j, job_state::dead, std::move(code), std::move(message), {}, now)
                 : go(j, job_state::retry_wait);
  s.attempt = how;
  s.vacates = is_granted(j.state);
  if (spent) return s;
  s.event = "retrying";
  s.message = std::move(message);
  s.next.run_at_ms = now + pause_ms;
  s.next.progress_ppm = 0;
  s.next.rare.stall_due_ms = 0;
  return s;
}

/// (4, 13) Back to the queue without a start; a job that does this again and again is poison.
step redeliver(const job& j, attempt_outcome how, time_ms now) {
  auto poison = j.deliveries >= limits::deliveries_max;
  auto s = poison ? end_with_error(j, job_state::dead, "undeliverable", "no node would start it", {}, now)
                  : go(j, job_state::queued);
  s.attempt = how;
  s.vacates = true;
  return s;
}

/// A node cannot have worked longer than since the grant; what it claims beyond that is not paid.
int64_t paid_ms(const job& j, int64_t reported_ms, time_ms now) {
  return std::clamp<int64_t>(reported_ms, 0, std::max<int64_t>(0, now - j.leased_ms));
}

/// What a running attempt that is being cancelled is due when its node does not say: by our clock, from its start to
/// the cancel. Tokens are counted by the node alone, so without it there are none.
int64_t metered_ms(const job& j, time_ms now) {
  if (j.pricing != pricing_mode::by_time || j.started_ms == 0) return 0;
  auto until = j.rare.cancel_ms == 0 ? now : std::min(now, j.rare.cancel_ms);
  return std::max<int64_t>(0, until - j.started_ms);
}

/// (19, forced, or lost meanwhile)
step end_cancelled(const job& j, attempt_outcome how, time_ms now) {
  auto ran_ms = metered_ms(j, now);
  auto metered = j.pricing == pricing_mode::by_time ? price_of(j, ran_ms, 0, 0) : settlement{};
  auto s = end(j, job_state::cancelled, "cancelled", metered, now);
  s.attempt = how;
  s.attempt_ran_ms = ran_ms;
  return s;
}

/// (14) Another try, unless it has taken so many different nodes with it that it is the job. (R6)
step lose(const job& j, time_ms now, int32_t jitter_ppm) {
  auto lost_on = j.rare.lost_on;
  if (std::find(lost_on.begin(), lost_on.end(), j.node_id) == lost_on.end()) lost_on.push_back(j.node_id);
  auto poison = std::ssize(lost_on) >= limits::poison_nodes;
  auto s = poison ? end_with_error(j, job_state::dead, "poison", "its nodes were lost, one after the other", {}, now)
                  : retry(j, attempt_outcome::lost, backoff_ms(j, 1, jitter_ppm) / 2, "lost", "the node was lost", now);
  s.attempt = attempt_outcome::lost;
  s.next.rare.lost_on = std::move(lost_on);
  return s;
}

/// (22) Back to the queue, to go on from its checkpoint. The epoch rises, so that this attempt is over for good: its
/// pay is noted, and a late word of it must not be paid again.
step preempt(const job& j, const finish& f, settlement paid) {
  auto s = go(j, job_state::queued);
  s.vacates = true;
  s.attempt = attempt_outcome::preempted;
  s.event = "preempted";
  s.message = f.report.error_message;
  s.next.lease_epoch += 1;
  s.next.max_attempts += 1;
  s.next.leased_ms = 0;  // of the new epoch there is no grant yet
  s.next.rare.stall_due_ms = 0;
  if (f.checkpoint_bytes > 0)
    s.next.rare.checkpoint_epoch = j.lease_epoch;
  else if (j.rare.checkpoint_epoch == 0)
    s.next.progress_ppm = 0;
  if (j.pricing != pricing_mode::by_time || paid.subtotal + paid.fee == 0) return s;
  s.accrues = paid;
  auto& all = s.next.rare.accrued;
  auto same = [&](const accrual& x) { return x.provider_user == j.provider_user; };
  auto known = std::find_if(all.begin(), all.end(), same);
  if (known == all.end()) known = all.insert(all.end(), accrual{j.provider_user, 0, 0});
  known->subtotal += paid.subtotal;
  known->fee += paid.fee;
  return s;
}

step on(const job& j, const due&, time_ms now, int32_t) {  // (2, 10)
  if (j.state != job_state::scheduled && j.state != job_state::retry_wait) return refuse(errc::conflict);
  if (j.run_at_ms > now) return refuse(errc::conflict);
  return go(j, job_state::queued);
}

step on(const job& j, const claim& c, time_ms now, int32_t) {  // (3)
  if (j.state != job_state::queued || is_late(j, now)) return refuse(errc::conflict);
  auto s = go(j, job_state::leased);
  s.next.lease_epoch += 1;
  s.next.deliveries += 1;
  s.next.node_id = c.node_id;
  s.next.node_session = c.node_session;
  s.next.provider_user = c.provider_user;
  s.next.node_rate = c.node_rate;
  s.next.devices = c.devices;
  s.next.leased_ms = now;
  s.next.started_ms = 0;
  s.attempt = attempt_outcome::open;
  return s;
}

step on(const job& j, const reject& r, time_ms now, int32_t) {  // (4)
  if (is_stale(j, r.epoch)) return refuse(errc::stale);
  if (j.state != job_state::leased) return refuse(errc::conflict);
  auto counted = j;
  if (r.draining) counted.deliveries -= 1;
  return redeliver(counted, attempt_outcome::rejected, now);
}

step on(const job& j, const start& r, time_ms now, int32_t) {  // (5)
  if (is_stale(j, r.epoch)) return refuse(errc::stale);
  if (j.state != job_state::leased) return refuse(errc::conflict);
  auto s = go(j, job_state::running);
  s.next.attempts += 1;
  s.next.deliveries = 0;
  s.next.started_ms = now;
  if (j.rare.stall_ms > 0) s.next.rare.stall_due_ms = now + j.rare.stall_ms;
  s.event = "started";
  return s;
}

step on(const job& j, const progress& p, time_ms now, int32_t) {  // (6)
  if (is_stale(j, p.epoch)) return refuse(errc::stale);
  if (j.state != job_state::running) return refuse(errc::conflict);
  auto s = go(j, job_state::running);
  s.next.progress_ppm = std::clamp(p.ppm, j.progress_ppm, 1'000'000);
  if (j.rare.stall_ms > 0) s.next.rare.stall_due_ms = now + j.rare.stall_ms;
  s.event = "progress";
  s.message = p.message;
  return s;
}

/// A report whose start was never heard of is a start, too: it counts for the budget.
job begun(job j) {
  if (j.started_ms != 0) return j;
  j.attempts += 1;
  j.deliveries = 0;
  j.started_ms = j.leased_ms;
  return j;
}

/// REQUIRES: j has begun, and its newest grant is the one that reports.
step finish_granted(const job& j, const finish& f, int64_t ran_ms, time_ms now, int32_t jitter_ppm) {
  const auto& r = f.report;
  // What a node counts is not to be trusted: a negative number would be a bug further down.
  auto paid = price_of(j, ran_ms, std::max<int64_t>(0, r.prompt_tokens), std::max<int64_t>(0, r.completion_tokens),
                       r.cached_tokens);
  switch (r.outcome) {
    case run_outcome::succeeded: {  // (7, 8): also for a job that was being cancelled; the work is done
      auto s = end(j, job_state::succeeded, "completed", paid, now);
      s.next.progress_ppm = 1'000'000;
      s.next.error_code.clear();  // of a cancel that came too late
      s.next.error_message.clear();
      s.attempt = attempt_outcome::succeeded;
      s.has_result = true;
      return s;
    }
    case run_outcome::failed: {  // (11)
      auto s = end_with_error(j, job_state::failed, r.error_code, r.error_message, paid, now);
      s.attempt = r.error_code == "timeout" ? attempt_outcome::timed_out : attempt_outcome::failed;
      s.has_result = true;
      return s;
    }
    case run_outcome::preempted:  // (22)
      if (j.state != job_state::cancelling) return preempt(j, f, paid);
      [[fallthrough]];
    case run_outcome::cancelled: {  // (19); unasked it is the node's own doing, and another one gets the job
      if (j.state != job_state::cancelling)
        return retry(j, attempt_outcome::lost, backoff_ms(j, 1, jitter_ppm), "lost", "the node stopped it", now);
      auto s = end(j, job_state::cancelled, "cancelled", paid, now);
      s.attempt = attempt_outcome::cancelled;
      s.has_result = true;
      return s;
    }
    case run_outcome::node_fault: break;
  }
  if (j.state == job_state::cancelling) {
    auto s = end(j, job_state::cancelled, "cancelled", {}, now);
    s.attempt = attempt_outcome::cancelled;
    return s;
  }
  return retry(j, attempt_outcome::failed, backoff_ms(j, j.attempts, jitter_ppm), r.error_code, r.error_message, now);
}

step on(const job& j, const finish& f, time_ms now, int32_t jitter_ppm) {
  if (is_stale(j, f.epoch)) return refuse(errc::stale);
  if (!f.node_id.empty() && f.node_id != j.node_id) return refuse(errc::stale);
  auto ran_ms = paid_ms(j, f.report.ran_ms, now);
  auto late = is_waiting(j.state);  // (7b) nobody was re-granted; it may have been put off since
  if (late && (f.report.outcome != run_outcome::succeeded || j.leased_ms == 0)) return refuse(errc::stale);
  if (!late && !is_granted(j.state)) return refuse(errc::stale);
  auto s = finish_granted(begun(j), f, ran_ms, now, jitter_ppm);
  s.attempt_ran_ms = ran_ms;
  return s;
}

step on(const job& j, const lost& l, time_ms now, int32_t jitter_ppm) {  // (13, 14); the epoch is not bumped: 7b
  if (is_stale(j, l.epoch)) return refuse(errc::stale);
  if (j.state == job_state::leased) return redeliver(j, attempt_outcome::lost, now);
  if (j.state == job_state::running) return lose(j, now, jitter_ppm);
  if (j.state != job_state::cancelling) return refuse(errc::conflict);
  return end_cancelled(j, attempt_outcome::lost, now);
}

step on(const job& j, const deadline& d, time_ms now, int32_t jitter_ppm) {  // (15)
  if (is_stale(j, d.epoch)) return refuse(errc::stale);
  if (j.state != job_state::running) return refuse(errc::conflict);
  auto s = retry(j, attempt_outcome::timed_out, backoff_ms(j, j.attempts, jitter_ppm), "timeout",
                 "the node did not end it in time", now);
  s.stop_node = true;
  return s;
}

step stop(const job& j, time_ms now) {
  auto s = go(j, job_state::cancelling);
  s.next.rare.cancel_ms = now;
  s.stop_node = true;
  return s;
}

step on(const job& j, const expire& x, time_ms now, int32_t) { return on_waiting(j, x, now); }
step on(const job& j, const parents_done& x, time_ms now, int32_t) { return on_waiting(j, x, now); }
step on(const job& j, const parent_failed& x, time_ms now, int32_t) { return on_waiting(j, x, now); }
step on(const job& j, const amend& x, time_ms now, int32_t) { return on_waiting(j, x, now); }
step on(const job& j, const redrive& x, time_ms now, int32_t) { return on_waiting(j, x, now); }

step on(const job& j, const cancel&, time_ms now, int32_t) {
  switch (j.state) {
    case job_state::blocked:
    case job_state::scheduled:
    case job_state::queued:
    case job_state::retry_wait: return end(j, job_state::cancelled, "cancelled", {}, now);  // (16)
    case job_state::leased: {                                                               // (17)
      auto s = end(j, job_state::cancelled, "cancelled", {}, now);
      s.next.lease_epoch += 1;
      s.attempt = attempt_outcome::cancelled;
      s.stop_node = true;
      return s;
    }
    case job_state::running: {  // (18)
      auto s = stop(j, now);
      s.event = "cancelling";
      return s;
    }
    default: return refuse(errc::conflict);
  }
}

step on(const job& j, const grace_over& g, time_ms now, int32_t) {  // (19, forced)
  if (is_stale(j, g.epoch)) return refuse(errc::stale);
  if (j.state != job_state::cancelling) return refuse(errc::conflict);
  auto s = end_cancelled(j, attempt_outcome::cancelled, now);
  s.next.lease_epoch += 1;
  s.stop_node = true;
  return s;
}

step on(const job& j, const quarantine& q, time_ms now, int32_t) {  // (R6)
  if (is_terminal(j.state)) return refuse(errc::conflict);
  auto s = end_with_error(j, job_state::dead, "quarantined", q.why, {}, now);
  if (is_granted(j.state)) {
    s.attempt = attempt_outcome::lost;
    s.stop_node = true;
    s.next.lease_epoch += 1;
  }
  return s;
}

step on(const job& j, const extend& x, time_ms now, int32_t) {  // (20)
  if (is_stale(j, x.epoch)) return refuse(errc::stale);
  auto value = due_extension(j, now);
  if (j.state != job_state::running || value <= 0) return refuse(errc::conflict);
  auto s = go(j, job_state::running);
  s.next.hold += value;
  s.next.rare.hold_steps += 1;
  s.grows = value;
  return s;
}

step on(const job& j, const funds& x, time_ms now, int32_t) {  // (20, refused)
  if (is_stale(j, x.epoch)) return refuse(errc::stale);
  if (j.state != job_state::running) return refuse(errc::conflict);
  auto s = stop(j, now);
  s.next.error_code = to_string(errc::insufficient_funds);
  s.next.error_message = "the hold could not grow: " + x.why;
  s.event = "funds";
  s.message = s.next.error_message;
  return s;
}

step on(const job& j, const stalled& x, time_ms now, int32_t) {
  if (is_stale(j, x.epoch)) return refuse(errc::stale);
  auto due = j.rare.stall_due_ms;
  if (j.state != job_state::running || due == 0 || now < due) return refuse(errc::conflict);
  auto s = go(j, job_state::running);
  s.next.rare.stall_due_ms = 0;
  s.event = "stalled";
  s.message = "no progress for " + std::to_string(j.rare.stall_ms / 1000) + " s";
  return s;
}

}  // namespace

step advance(const job& j, const any_job_input& in, time_ms now_ms, int32_t jitter_ppm) {
  return std::visit([&](const auto& x) { return on(j, x, now_ms, jitter_ppm); }, in);
}

}  // namespace troupe
