// A job that cost nothing is still a request. What failed by its own fault is paid and failed.
#include "model/usage.hpp"

#include <algorithm>
#include <cassert>

#include "model/spending.hpp"

namespace troupe {

namespace {

constexpr int64_t counted_max = 10'000'000'000;  // a node's counts are not to be trusted; sums of these always fit

}  // namespace

usage_add usage_of(const job& j, const job_spec& spec, const run_report* report) {
  assert(is_terminal(j.state));
  usage_add u;
  u.user_id = j.user_id;
  u.key_id = j.key_id;
  u.model = spec.needs.model.empty() ? spec.needs.gpu_type : spec.needs.model;
  u.kind = to_string(spec.kind);
  u.day = day_of(j.finished_ms);
  u.currency = j.currency;
  u.failed = j.state != job_state::succeeded && j.state != job_state::cancelled ? 1 : 0;
  u.cost = j.cost;
  if (report == nullptr) return u;
  u.tokens_in = std::clamp<int64_t>(report->prompt_tokens, 0, counted_max);
  u.tokens_out = std::clamp<int64_t>(report->completion_tokens, 0, counted_max);
  u.ran_ms = std::clamp<int64_t>(report->ran_ms, 0, counted_max);
  return u;
}

usage_add usage_of(const rental& r) {
  assert(r.state != rental_state::active);
  usage_add u;
  u.user_id = r.user_id;
  u.key_id = r.key_id;
  u.model = r.gpu_model;
  u.kind = "session";
  u.day = day_of(r.ended_ms);
  u.currency = r.currency;
  u.ran_ms = r.ended_ms - r.started_ms;
  u.cost = r.charged;
  return u;
}

}  // namespace troupe
