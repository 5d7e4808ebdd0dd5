// Praise, blame, or neither.
#include "model/node_mark.hpp"

#include "model/change.hpp"

namespace troupe {

namespace {

constexpr int64_t minute_ms = 60'000;

bool is_poison(const job& next) {
  return next.state == job_state::dead &&
         (next.error_code == "poison" || next.error_code == "undeliverable" || next.error_code == "quarantined");
}

/// All that is lost with one session is one incident; so is what is turned down within a minute, for that may be our
/// own mistake about what fits.
std::string incident_of(const job& before, node_mark_kind kind, time_ms now_ms) {
  if (before.provider_user == platform_owner) return {};
  switch (kind) {
    case node_mark_kind::fault: return before.id;
    case node_mark_kind::lost: return "session " + std::to_string(before.node_session);
    case node_mark_kind::rejected: return "minute " + std::to_string(now_ms / minute_ms);
    default: return {};
  }
}

std::optional<node_mark_kind> kind_of(const job& before, const step& s, const run_report& report) {
  auto was_given_up = before.state == job_state::retry_wait || before.state == job_state::queued;
  switch (*s.attempt) {
    case attempt_outcome::succeeded: return was_given_up ? node_mark_kind::late : node_mark_kind::succeeded;
    case attempt_outcome::failed:
      return report.outcome == run_outcome::node_fault ? node_mark_kind::fault : node_mark_kind::failed;
    case attempt_outcome::timed_out: return s.stop_node ? node_mark_kind::fault : node_mark_kind::failed;
    case attempt_outcome::rejected: return node_mark_kind::rejected;
    case attempt_outcome::lost:
      if (before.state == job_state::leased) return std::nullopt;  // perhaps it was never told
      return node_mark_kind::lost;
    default: return std::nullopt;
  }
}

}  // namespace

std::optional<node_mark> mark_of(const job& before, const step& s, const run_report& report, time_ms now_ms) {
  if (!s.attempt || *s.attempt == attempt_outcome::open || before.node_id.empty()) return std::nullopt;
  if (is_poison(s.next)) return node_mark{before.node_id, before.id, node_mark_kind::forgiven, {}, now_ms};
  auto kind = kind_of(before, s, report);
  if (!kind) return std::nullopt;
  return node_mark{before.node_id, before.id, *kind, incident_of(before, *kind, now_ms), now_ms};
}

}  // namespace troupe
