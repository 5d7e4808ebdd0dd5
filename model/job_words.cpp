// The words for the states of jobs and the ends of attempts.
#include <array>

#include "model/job.hpp"

namespace troupe {

namespace {

constexpr std::array<std::string_view, job_states> state_names{
    "blocked",    "scheduled", "queued", "leased",    "running", "finalizing", "retry_wait",
    "cancelling", "succeeded", "failed", "cancelled", "expired", "dead"};

}  // namespace

std::string_view to_string(job_state s) { return state_names[static_cast<size_t>(s)]; }

std::optional<job_state> parse_job_state(std::string_view word) {
  for (int i = 0; i < job_states; ++i)
    if (state_names[static_cast<size_t>(i)] == word) return static_cast<job_state>(i);
  return std::nullopt;
}

std::string_view public_status(job_state s) {
  switch (s) {
    case job_state::blocked:
    case job_state::scheduled:
    case job_state::queued:
    case job_state::retry_wait: return "queued";
    case job_state::leased:
    case job_state::running:
    case job_state::finalizing: return "processing";
    case job_state::cancelling: return "cancelling";
    case job_state::succeeded: return "completed";
    case job_state::cancelled: return "cancelled";
    case job_state::failed:
    case job_state::expired:
    case job_state::dead: break;
  }
  return "failed";
}

std::string_view to_string(attempt_outcome x) {
  constexpr std::array<std::string_view, 8> names{"open", "succeeded", "failed",    "timed_out",
                                                  "lost", "rejected",  "cancelled", "preempted"};
  return names[static_cast<size_t>(x)];
}

}  // namespace troupe
