// The job machine: states, inputs, and the one function that says what follows. Pure: no clock, no I/O, no lock.
// The transition numbers in job.cpp are those of the table in the reference page on jobs, section 7.2.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "model/job_spec.hpp"

namespace troupe {

enum class job_state : uint8_t {
  blocked,
  scheduled,
  queued,
  leased,
  running,
  finalizing,
  retry_wait,
  cancelling,
  succeeded,  // from here on terminal
  failed,
  cancelled,
  expired,
  dead,
};
inline constexpr int job_states = 13;

constexpr bool is_terminal(job_state s) { return s >= job_state::succeeded; }
/// A node has the job, or may still have it.
constexpr bool is_granted(job_state s) {
  return s == job_state::leased || s == job_state::running || s == job_state::cancelling;
}
std::string_view to_string(job_state);
std::optional<job_state> parse_job_state(std::string_view);
/// Neither granted nor over.
constexpr bool is_waiting(job_state s) {
  return s == job_state::blocked || s == job_state::scheduled || s == job_state::queued || s == job_state::retry_wait;
}
/// The word of the public API: queued, processing, cancelling, completed, failed, cancelled.
std::string_view public_status(job_state);

enum class pricing_mode : uint8_t { by_time, by_token };

/// What a preempted attempt is due: paid once, when the job ends.
struct accrual {
  std::string provider_user;
  amount subtotal = 0, fee = 0;
  friend bool operator==(const accrual&, const accrual&) = default;
};

/// What few jobs have: kept in one column, so that all the others cost nothing by it.
struct job_rare {
  int64_t hold_window_ms = 0;    // the hold covers this much time and grows by as much; 0: it covers the whole timeout
  int32_t hold_steps = 0;        // extensions of the hold
  int64_t stall_ms = 0;          // warn after so long without progress; 0: never
  time_ms stall_due_ms = 0;      // when to warn; 0: warned already, or nothing to warn of
  time_ms cancel_ms = 0;         // when a running attempt was asked to stop
  int64_t checkpoint_epoch = 0;  // whose checkpoint the next attempt begins with; 0: nobody's
  std::vector<accrual> accrued;  // one for each provider
  std::vector<std::string> lost_on;  // different nodes that were lost while they ran it
  friend bool operator==(const job_rare&, const job_rare&) = default;
};

/// The mutable half of a job: one narrow row.
struct job {
  std::string id;
  std::string user_id;
  job_state state = job_state::queued;
  int64_t version = 0;      // rises by one with every write; the store compares it
  int64_t lease_epoch = 0;  // fencing token: never falls; bumped by claim, forced cancel and redrive
  int32_t attempts = 0;     // starts; may be lowered by a redrive, which is why it is not the token
  int32_t deliveries = 0;   // leases since the last start
  int32_t max_attempts = 3;
  int32_t priority = 5;

  asset currency = asset::dgpu;
  pricing_mode pricing = pricing_mode::by_time;
  amount price_in = 0;   // by_token: nano-units per million prompt tokens
  amount price_out = 0;  // by_token: nano-units per million completion tokens
  int64_t min_tokens = 0;
  int64_t fee_bps = 0;
  std::string hold_id;
  amount hold = 0;  // reserved, fee included; only grows
  amount cost = 0;  // captured, fee included; set by the terminal transition

  int64_t timeout_ms = 0;
  std::string node_id;        // of the newest grant
  int64_t node_session = 0;   // session epoch of that node at the grant
  std::string provider_user;  // who is paid
  amount node_rate = 0;       // by_time: nano-units per hour
  time_ms created_ms = 0;
  time_ms run_at_ms = 0;  // scheduled, retry_wait: not before
  time_ms leased_ms = 0;
  time_ms started_ms = 0;  // of the newest attempt
  time_ms finished_ms = 0;
  int32_t progress_ppm = 0;
  std::string error_code, error_message;

  amount price_cached = 0;     // by_token: nano-units per million prompt tokens that the model had cached
  bool fee_inclusive = false;  // the fee is part of the price; else it comes on top of it
  std::string key_id;          // the API key it was submitted with; empty: none
  std::string devices;         // of the newest grant, as of format_shares
  job_rare rare;
  time_ms expires_ms = 0;     // not granted to a node by then: it expires; 0: never
  int64_t retry_base_ms = 0;  // of the pauses between attempts; 0: the usual
  int64_t retry_max_ms = 0;

  friend bool operator==(const job&, const job&) = default;
};

namespace job_input {
/// The time of run_at has come, or a retry is due.
struct due {};
/// The dispatcher found a node. (3)
struct claim {
  std::string node_id;
  int64_t node_session = 0;
  std::string provider_user;
  amount node_rate = 0;
  std::string devices;  // as of format_shares
};
/// The node cannot take it. (4)
struct reject {
  int64_t epoch = 0;
  bool draining = false;  // it takes nothing at all at the moment: says nothing about the job
};
struct start {
  int64_t epoch = 0;
};
struct progress {
  int64_t epoch = 0;
  int32_t ppm = 0;
  std::string message;
};
/// The node's report of the end. (7, 7b, 9, 11, 12, 19, 22)
struct finish {
  int64_t epoch = 0;
  run_report report;
  std::string node_id;           // who says so; empty: not checked
  int64_t checkpoint_bytes = 0;  // preempted: of the checkpoint that is stored; 0: there is none
};
/// The node is gone, or no longer knows the attempt. (13, 14)
struct lost {
  int64_t epoch = 0;
};
/// The attempt outlived its timeout and the node did not say so. (15)
struct deadline {
  int64_t epoch = 0;
};
struct cancel {};  // (16, 17, 18)
struct grace_over {
  int64_t epoch = 0;
};  // (19, forced)
/// The job crashes its actor again and again. (R6)
struct quarantine {
  std::string why;
};
/// The hold is nearly used up: a larger one. (20)
struct extend {
  int64_t epoch = 0;
};
/// The larger hold was refused. (20)
struct funds {
  int64_t epoch = 0;
  std::string why;
};
/// No progress for too long: a warning.
struct stalled {
  int64_t epoch = 0;
};
/// It waited too long. (21)
struct expire {};
/// Every job it depends on has succeeded. (2)
struct parents_done {};
/// One of them never will. (2)
struct parent_failed {
  std::string parent_id;
};
/// Its owner thinks otherwise while it waits; negative: as before.
struct amend {
  int32_t priority = -1;
  time_ms run_at_ms = -1;
};
/// Its owner pays for another life of a job that failed. (23)
struct redrive {
  std::string hold_id;  // of the new hold
};

template <class I>
auto inspect(I& f, extend& x) {
  return f(x.epoch);
}
template <class I>
auto inspect(I& f, funds& x) {
  return f(x.epoch, x.why);
}
template <class I>
auto inspect(I& f, stalled& x) {
  return f(x.epoch);
}
template <class I>
auto inspect(I& f, parent_failed& x) {
  return f(x.parent_id);
}
template <class I>
auto inspect(I& f, amend& x) {
  return f(x.priority, x.run_at_ms);
}
template <class I>
auto inspect(I& f, redrive& x) {
  return f(x.hold_id);
}
}  // namespace job_input

namespace job_input {
template <class I>
auto inspect(I& f, due&) {
  return f();
}
template <class I>
auto inspect(I& f, claim& x) {
  return f(x.node_id, x.node_session, x.provider_user, x.node_rate, x.devices);
}
template <class I>
auto inspect(I& f, reject& x) {
  return f(x.epoch, x.draining);
}
template <class I>
auto inspect(I& f, start& x) {
  return f(x.epoch);
}
template <class I>
auto inspect(I& f, progress& x) {
  return f(x.epoch, x.ppm, x.message);
}
template <class I>
auto inspect(I& f, finish& x) {
  return f(x.epoch, x.report, x.node_id, x.checkpoint_bytes);
}
template <class I>
auto inspect(I& f, lost& x) {
  return f(x.epoch);
}
template <class I>
auto inspect(I& f, deadline& x) {
  return f(x.epoch);
}
template <class I>
auto inspect(I& f, cancel&) {
  return f();
}
template <class I>
auto inspect(I& f, grace_over& x) {
  return f(x.epoch);
}
template <class I>
auto inspect(I& f, quarantine& x) {
  return f(x.why);
}
template <class I>
auto inspect(I& f, expire&) {
  return f();
}
template <class I>
auto inspect(I& f, parents_done&) {
  return f();
}
}  // namespace job_input

using any_job_input =
    std::variant<job_input::due, job_input::claim, job_input::reject, job_input::start, job_input::progress,
                 job_input::finish, job_input::lost, job_input::deadline, job_input::cancel, job_input::grace_over,
                 job_input::quarantine, job_input::extend, job_input::funds, job_input::stalled, job_input::expire,
                 job_input::parents_done, job_input::parent_failed, job_input::amend, job_input::redrive>;

enum class attempt_outcome : uint8_t { open, succeeded, failed, timed_out, lost, rejected, cancelled, preempted };
std::string_view to_string(attempt_outcome);

/// Resolves the hold, together with what accrued before: captured + released = hold.
struct settlement {
  amount subtotal = 0;  // to the provider: what is left of it when the fee is inclusive
  amount fee = 0;       // to the platform
};

/// What follows from an input. `why != ok`: nothing changes (stale, or not possible in this state).
struct step {
  errc why = errc::ok;
  job next;
  std::string_view event;                  // what subscribers are told, empty: nothing
  std::string message;                     // goes with a progress event
  std::optional<attempt_outcome> attempt;  // the attempt of this epoch ended (open: it began)
  int64_t attempt_ran_ms = 0;
  std::optional<settlement> settle;
  settlement accrues;       // what a preempted attempt is due at the end
  amount grows = 0;         // added to the hold
  bool has_result = false;  // the report of this input is the job's result
  bool vacates = false;     // the node's slot is free again
  bool stop_node = false;   // tell the node to stop this epoch
};

/// A redriven job holds money anew: "hold_X", "hold_X.1", "hold_X.2" ...
std::string next_hold_id(const std::string&);
/// Empty for the first.
std::string hold_before(const std::string&);

/// REQUIRES: now_ms is the server's clock. `jitter_ppm` (0..1'000'000) spreads retries; it comes from outside.
step advance(const job&, const any_job_input&, time_ms now_ms, int32_t jitter_ppm = 500'000);

/// What the newest attempt costs, fee included: at most what the hold leaves beside what accrued. Cached tokens are
/// part of the prompt's; more than those, or fewer than none, are not believed. REQUIRES: ran_ms, prompt and completion
/// tokens >= 0.
settlement price_of(const job&, int64_t ran_ms, int64_t prompt_tokens, int64_t completion_tokens,
                    int64_t cached_tokens = 0);
/// What is due to preempted attempts, fees included.
amount accrued_total(const job&);
/// How much the hold of a running job must grow now; 0: nothing. Asked for at nine tenths of the hold, or when it
/// lasts a few seconds only; never more than the timeout can cost.
amount due_extension(const job&, time_ms now_ms);

template <class I>
auto inspect(I& f, accrual& x) {
  return f(x.provider_user, x.subtotal, x.fee);
}
template <class I>
auto inspect(I& f, job_rare& x) {
  return f(x.hold_window_ms, x.hold_steps, x.stall_ms, x.stall_due_ms, x.cancel_ms, x.checkpoint_epoch, x.accrued,
           x.lost_on);
}
template <class I>
auto inspect(I& f, job& x) {
  return f(x.id, x.user_id, x.state, x.version, x.lease_epoch, x.attempts, x.deliveries, x.max_attempts, x.priority,
           x.currency, x.pricing, x.price_in, x.price_out, x.min_tokens, x.fee_bps, x.hold_id, x.hold, x.cost,
           x.timeout_ms, x.node_id, x.node_session, x.provider_user, x.node_rate, x.created_ms, x.run_at_ms,
           x.leased_ms, x.started_ms, x.finished_ms, x.progress_ppm, x.error_code, x.error_message, x.price_cached,
           x.fee_inclusive, x.key_id, x.devices, x.rare, x.expires_ms, x.retry_base_ms, x.retry_max_ms);
}

}  // namespace troupe
