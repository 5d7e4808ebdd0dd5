// A job that waits: for its parents, for its time, in vain, or for its owner to pay once more.
#include <cstdlib>

#include "model/job_steps.hpp"
#include "model/limits.hpp"

namespace troupe {

using namespace job_input;

namespace {

job_state place_of(time_ms run_at_ms, time_ms now) {
  return run_at_ms > now ? job_state::scheduled : job_state::queued;
}

/// Which life of the job the hold is for, from 0.
int life_of(const std::string& hold_id) {
  auto dot = hold_id.rfind('.');
  return dot == hold_id.npos ? 0 : std::atoi(hold_id.c_str() + dot + 1);
}

std::string hold_of(const std::string& hold_id, int life) {
  auto first = hold_id.substr(0, hold_id.rfind('.'));
  return life == 0 ? first : first + "." + std::to_string(life);
}

}  // namespace

std::string next_hold_id(const std::string& x) { return hold_of(x, life_of(x) + 1); }
std::string hold_before(const std::string& x) { return life_of(x) == 0 ? std::string{} : hold_of(x, life_of(x) - 1); }

step steps::on_waiting(const job& j, const expire&, time_ms now) {  // (21)
  if (!is_waiting(j.state) || !is_late(j, now)) return refuse(errc::conflict);
  return end_with_error(j, job_state::expired, "expired", "it was not started in time", {}, now);
}

step steps::on_waiting(const job& j, const parents_done&, time_ms now) {  // (2)
  if (j.state != job_state::blocked) return refuse(errc::conflict);
  auto s = go(j, place_of(j.run_at_ms, now));
  s.event = to_string(s.next.state);
  return s;
}

step steps::on_waiting(const job& j, const parent_failed& x, time_ms now) {  // (2)
  if (j.state != job_state::blocked) return refuse(errc::conflict);
  auto s = end(j, job_state::cancelled, "cancelled", {}, now);
  s.next.error_code = "parent_failed";
  s.next.error_message = "job " + x.parent_id + ", on which it depends, did not succeed";
  return s;
}

step steps::on_waiting(const job& j, const amend& x, time_ms now) {
  if (!is_waiting(j.state) || j.state == job_state::retry_wait) return refuse(errc::conflict);
  if (x.priority > limits::priority_max) return refuse(errc::invalid);
  auto run_at_ms = x.run_at_ms >= 0 ? x.run_at_ms : j.run_at_ms;
  if (j.expires_ms > 0 && run_at_ms >= j.expires_ms) return refuse(errc::invalid);
  auto s = go(j, j.state == job_state::blocked ? j.state : place_of(run_at_ms, now));
  s.next.run_at_ms = run_at_ms;
  if (x.priority >= 0) s.next.priority = x.priority;
  if (s.next.state != j.state) s.event = to_string(s.next.state);
  return s;
}

/// The terms are those of the submit; its deadline was meant for the first life.
step steps::on_waiting(const job& j, const redrive& x, time_ms) {  // (23)
  if (j.state != job_state::failed && j.state != job_state::dead) return refuse(errc::conflict);
  auto s = go(j, job_state::queued);
  s.event = "queued";
  auto& next = s.next;
  next.lease_epoch += 1;
  next.attempts = next.deliveries = next.progress_ppm = 0;
  next.hold_id = x.hold_id;
  next.rare = {};  // what accrued was paid with the first life
  next.rare.hold_window_ms = j.rare.hold_window_ms;
  next.rare.stall_ms = j.rare.stall_ms;
  next.node_id.clear();  // no node was granted this epoch
  next.cost = 0;
  next.run_at_ms = next.leased_ms = next.started_ms = next.finished_ms = next.expires_ms = 0;
  next.error_code.clear();
  next.error_message.clear();
  return s;
}

}  // namespace troupe
