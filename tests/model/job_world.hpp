// Jobs in every state, every input, and the laws that each single step must keep. For the tests of the job machine.
#pragma once

#include <array>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

#include "model/job.hpp"

namespace troupe {

inline std::ostream& operator<<(std::ostream& out, job_state x) { return out << to_string(x); }
inline std::ostream& operator<<(std::ostream& out, attempt_outcome x) { return out << to_string(x); }
inline std::ostream& operator<<(std::ostream& out, errc x) { return out << to_string(x); }

}  // namespace troupe

namespace job_world {

using namespace troupe;
namespace in = troupe::job_input;

inline constexpr time_ms now = 1'700'000'100'000;
inline constexpr int64_t epoch = 7;

inline constexpr std::array<std::string_view, 14> input_names{
    "due",      "claim",  "reject",     "start",      "progress", "finish", "lost",
    "deadline", "cancel", "grace_over", "quarantine", "extend",   "funds",  "stalled"};

inline std::vector<job_state> all_states() {
  std::vector<job_state> states;
  for (int i = 0; i < job_states; ++i) states.push_back(static_cast<job_state>(i));
  return states;
}

/// A job that a person could meet in this state: granted 100 s ago, started 90 s ago, half done.
inline job make_job(job_state state) {
  job j;
  j.id = "job-1";
  j.user_id = "user-1";
  j.state = state;
  j.version = 40;
  j.fee_bps = 500;
  j.hold_id = "hold-1";
  j.hold = 262'500'000;
  j.timeout_ms = 3'600'000;
  j.created_ms = now - 1'000'000;
  if (state == job_state::blocked || state == job_state::scheduled) return j;
  j.lease_epoch = epoch;
  j.node_id = "node-1";
  j.node_session = 3;
  j.provider_user = "provider-1";
  j.node_rate = 250'000'000;
  j.leased_ms = now - 100'000;
  if (state == job_state::leased) {
    j.deliveries = 1;
    return j;
  }
  j.attempts = 1;
  j.started_ms = now - 90'000;
  j.progress_ppm = 500'000;
  if (state == job_state::cancelling) j.rare.cancel_ms = now - 30'000;
  if (is_terminal(state)) j.finished_ms = now - 1'000;
  return j;
}

inline run_report make_report(run_outcome outcome, int64_t ran_ms = 60'000) {
  run_report r;
  r.outcome = outcome;
  r.ran_ms = ran_ms;
  if (outcome == run_outcome::failed) r.error_code = "exit_code";
  if (outcome == run_outcome::node_fault) r.error_code = "no_disk";
  return r;
}

inline in::finish finish(int64_t e, run_outcome outcome = run_outcome::succeeded, int64_t ran_ms = 60'000) {
  return {e, make_report(outcome, ran_ms), {}};
}

inline in::claim claim() { return {"node-2", 9, "provider-2", 200'000'000}; }

/// One of each, in the order of `input_names`.
inline std::vector<any_job_input> all_inputs(int64_t e) {
  return {in::due{},
          claim(),
          in::reject{e},
          in::start{e},
          in::progress{e, 600'000, "more"},
          finish(e),
          in::lost{e},
          in::deadline{e},
          in::cancel{},
          in::grace_over{e},
          in::quarantine{"crashes"},
          in::extend{e},
          in::funds{e, "no money"},
          in::stalled{e}};
}

/// Those that carry an epoch: what a node says, or is said about one grant of it.
inline std::vector<any_job_input> epoch_inputs(int64_t e) {
  return {in::reject{e},
          in::start{e},
          in::progress{e, 600'000, "more"},
          finish(e),
          finish(e, run_outcome::failed),
          finish(e, run_outcome::node_fault),
          finish(e, run_outcome::cancelled),
          finish(e, run_outcome::preempted),
          in::extend{e},
          in::funds{e, "no money"},
          in::stalled{e},
          in::lost{e},
          in::deadline{e},
          in::grace_over{e}};
}

inline bool does_nothing(const step& s) {
  return s.next == job{} && s.event.empty() && s.message.empty() && !s.attempt && s.attempt_ran_ms == 0 && !s.settle &&
         s.accrues.subtotal == 0 && s.accrues.fee == 0 && s.grows == 0 && !s.has_result && !s.vacates && !s.stop_node;
}

inline bool is_preempted(const step& s) { return s.attempt == attempt_outcome::preempted; }

/// Who may raise the epoch: a new grant, or an end that is forced on the present one. And a preempted attempt, whose
/// pay is noted: a late word of it must not be paid again.
inline bool raises_epoch(const job& j, const any_job_input& i) {
  if (std::holds_alternative<in::claim>(i) || std::holds_alternative<in::grace_over>(i)) return true;
  if (std::holds_alternative<in::cancel>(i)) return j.state == job_state::leased;
  return std::holds_alternative<in::quarantine>(i) && is_granted(j.state);
}

inline std::string broken_money_law(const job& j, const step& s) {
  if (s.settle.has_value() != is_terminal(s.next.state)) return "the hold is resolved exactly at the end";
  if (s.next.hold != j.hold + s.grows || s.grows < 0) return "a hold only grows";
  if (accrued_total(s.next) != accrued_total(j) + s.accrues.subtotal + s.accrues.fee) return "what accrues stays due";
  if (accrued_total(s.next) > s.next.hold) return "never more accrues than is held";
  if (s.accrues.subtotal > 0 && !is_preempted(s)) return "only a preempted attempt accrues";
  if (!s.settle) return s.next.cost == j.cost ? "" : "cost changes only at the end";
  if (s.settle->subtotal < 0 || s.settle->fee < 0) return "no negative payment";
  if (s.settle->subtotal + s.settle->fee > j.hold - accrued_total(j)) return "never more than the hold";
  if (s.next.cost != s.settle->subtotal + s.settle->fee + accrued_total(j)) return "cost is what is captured";
  auto worked = s.has_result || j.state == job_state::cancelling;
  if (!worked && s.settle->subtotal + s.settle->fee != 0) return "nobody is paid without a report";
  return "";
}

inline std::string broken_attempt_law(const job& j, const any_job_input& i, const step& s) {
  auto began = s.attempt == attempt_outcome::open;
  if (began != std::holds_alternative<in::claim>(i)) return "an attempt begins with a claim";
  if (is_granted(j.state) && !is_granted(s.next.state) && (!s.attempt || began)) return "a left grant ends its attempt";
  if (s.vacates != (is_granted(j.state) && !is_granted(s.next.state))) return "a slot is freed once, when it is left";
  if (s.next.attempts != j.attempts && s.next.attempts != j.attempts + 1) return "attempts rise by one";
  if (s.next.attempts > j.max_attempts) return "attempts stay in the budget";
  if (s.next.state == job_state::running && s.next.started_ms == 0) return "a running job has started";
  return "";
}

/// The constant half of the row stays as it was.
inline bool keeps_the_terms(const job& a, const job& b) {
  return a.id == b.id && a.user_id == b.user_id && a.priority == b.priority && a.currency == b.currency &&
         a.pricing == b.pricing && a.price_in == b.price_in && a.price_out == b.price_out &&
         a.min_tokens == b.min_tokens && a.fee_bps == b.fee_bps && a.hold_id == b.hold_id &&
         a.timeout_ms == b.timeout_ms && a.created_ms == b.created_ms &&
         a.rare.hold_window_ms == b.rare.hold_window_ms && a.rare.stall_ms == b.rare.stall_ms;
}

/// The law that this step breaks, or empty. They hold for every state and every input.
inline std::string broken_law(const job& j, const any_job_input& i, const step& s, time_ms at) {
  if (s.why != errc::ok) return does_nothing(s) ? "" : "a refused input changes nothing";
  if (is_terminal(j.state)) return "terminal is terminal";
  if (s.next.version != j.version + 1) return "the version rises by exactly one";
  auto raises = raises_epoch(j, i) || is_preempted(s);
  if (s.next.lease_epoch != j.lease_epoch + (raises ? 1 : 0)) return "who may raise the epoch";
  if (!keeps_the_terms(j, s.next)) return "the terms of a job never change";
  if (s.next.max_attempts != j.max_attempts + (is_preempted(s) ? 1 : 0)) return "a preempted attempt is not charged";
  auto granted_to =
      std::holds_alternative<in::claim>(i) || (s.next.node_id == j.node_id && s.next.node_rate == j.node_rate);
  if (!granted_to) return "the node changes only with a grant";
  auto anew = s.next.state == job_state::retry_wait || is_preempted(s);
  if (s.next.progress_ppm < j.progress_ppm && !anew) return "progress never falls";
  if (s.next.progress_ppm > 1'000'000) return "progress ends at one";
  if ((s.event == "started") != std::holds_alternative<in::start>(i)) return "started is told at the start";
  if (is_terminal(s.next.state) && s.event.empty()) return "an end is told";
  if (is_terminal(s.next.state) != (s.next.finished_ms == at)) return "an end has its time";
  if (auto law = broken_money_law(j, s); !law.empty()) return law;
  return broken_attempt_law(j, i, s);
}

}  // namespace job_world
