// From a step of the job machine to the one transaction that makes it true.
#include "actors/job_change.hpp"

#include <algorithm>

#include "model/node_mark.hpp"
#include "model/spending.hpp"
#include "model/usage.hpp"

namespace troupe {

namespace {

event_row event_of(const job& next, const step& s, time_ms now_ms) {
  event_row e;
  e.user_id = next.user_id;
  e.job_id = next.id;
  e.kind = s.event;
  e.terminal = is_terminal(next.state);
  e.attempt = next.attempts;
  e.node_id = next.node_id;
  e.progress_ppm = next.progress_ppm;
  e.message = e.terminal ? next.error_message : s.message;
  e.error_code = next.error_code;
  e.value = e.terminal ? next.cost : next.hold;
  e.currency = next.currency;
  e.at_ms = now_ms;
  return e;
}

attempt_row attempt_of(const job& before, const step& s, time_ms now_ms) {
  auto begins = *s.attempt == attempt_outcome::open;
  attempt_row a;
  a.job_id = before.id;
  a.epoch = begins ? s.next.lease_epoch : before.lease_epoch;
  a.node_id = s.next.node_id;
  a.rate = s.next.node_rate;
  a.outcome = *s.attempt;
  a.ran_ms = s.attempt_ran_ms;
  a.at_ms = now_ms;
  auto due = s.settle.value_or(s.accrues);
  a.accrued = due.subtotal + due.fee;
  return a;
}

/// Everybody who is due something is paid in one capture.
hold_close close_of(const job& j, settlement paid) {
  hold_close c;
  c.id = j.hold_id;
  c.job_id = j.id;
  c.provider = {j.provider_user, account_kind::earned, j.currency};
  for (const auto& x : j.rare.accrued) {
    paid.fee += x.fee;
    if (x.subtotal > 0) c.also.push_back({{x.provider_user, account_kind::earned, j.currency}, x.subtotal});
  }
  c.paid = paid;
  return c;
}

/// As it was paid: less than nothing counts as nothing, or a lying node could make the audit of the books fail.
run_report believed(run_report r) {
  for (auto* count : {&r.prompt_tokens, &r.completion_tokens, &r.cached_tokens}) *count = std::max<int64_t>(0, *count);
  return r;
}

}  // namespace

change change_of(const job& before, const job_spec& spec, const step& s, const run_report& report, time_ms now_ms) {
  change c;
  c.moves = job_update{s.next, before.state == job_state::blocked, is_terminal(before.state)};
  if (s.attempt) c.attempt = attempt_of(before, s, now_ms);
  c.mark = mark_of(before, s, report, now_ms);
  if (s.settle) c.closes = close_of(before, *s.settle);
  if (s.grows > 0) c.extends = hold_extend{before.hold_id, before.id, s.next.rare.hold_steps, s.grows};
  if (s.has_result) c.result = result_row{before.id, before.lease_epoch, believed(report)};
  if (is_terminal(s.next.state)) c.usage = usage_of(s.next, spec, s.has_result ? &report : nullptr);
  if (!s.event.empty()) c.events.push_back(event_of(s.next, s, now_ms));
  return c;
}

change submit_change(job_insert x, const std::vector<spend_limit>& limits) {
  const auto& j = x.row;
  change c;
  c.opens = hold_open{j.hold_id,
                      j.id,
                      {j.user_id, account_kind::available, j.currency},
                      j.hold,
                      guards_of(limits, j.currency, j.created_ms)};
  event_row e;
  e.user_id = j.user_id;
  e.job_id = j.id;
  e.kind = to_string(j.state);  // queued, scheduled or blocked
  e.value = j.hold;
  e.currency = j.currency;
  e.at_ms = j.created_ms;
  c.events.push_back(std::move(e));
  c.submits = std::move(x);
  return c;
}

job_brief brief_of(const job& j, const demand& needs) {
  return {j.id, j.user_id, j.state, j.priority, j.lease_epoch, j.created_ms, j.run_at_ms, j.node_id, needs, j.devices};
}

}  // namespace troupe
