// The changes of a job's whole life, built with the real job machine, for tests of the store and its benchmark.
#pragma once

#include <stdexcept>
#include <string>

#include "model/usage.hpp"

namespace troupe::lives {

inline constexpr time_ms begin_ms = 1'800'000'000'000;
inline constexpr amount hold_value = 262'500'000;

inline std::string id_of(std::string_view prefix, int64_t n) {
  auto digits = std::to_string(n);
  return std::string{prefix} + "_01K" + std::string(23 - digits.size(), '0') + digits;
}

inline account_key wallet_of(const std::string& user) { return {user, account_kind::available, asset::dgpu}; }

inline event_row event_of(const job& j, std::string_view kind, time_ms now_ms) {
  event_row e;
  e.user_id = j.user_id;
  e.job_id = j.id;
  e.kind = kind;
  e.terminal = is_terminal(j.state);
  e.attempt = j.attempts;
  e.node_id = j.node_id;
  e.progress_ppm = j.progress_ppm;
  e.value = e.terminal ? j.cost : j.hold;
  e.currency = j.currency;
  e.at_ms = now_ms;
  return e;
}

/// One job; call in order: submit, claim, start, finish.
class life {
public:
  life(int64_t n, std::string user, bool with_key) : n_{n}, with_key_{with_key} {
    j_.id = id_of("job", n);
    j_.hold_id = id_of("hold", n);
    j_.user_id = std::move(user);
    j_.version = 1;
    j_.hold = hold_value;
    j_.fee_bps = 500;
    j_.timeout_ms = 3'600'000;
    j_.created_ms = begin_ms + n;
  }

  job_spec spec() const {
    job_spec spec;
    spec.kind = job_kind::process;
    spec.name = "render frame " + std::to_string(n_);
    spec.params = R"({"command":["/bin/echo","hello"],"timeout_seconds":3600})";
    spec.needs.rate_max = 250'000'000;
    spec.timeout_ms = j_.timeout_ms;
    return spec;
  }
  change submit() const {
    change c;
    c.submits = job_insert{j_, spec()};
    c.opens = hold_open{j_.hold_id, j_.id, wallet_of(j_.user_id), j_.hold};
    c.events.push_back(event_of(j_, "queued", j_.created_ms));
    if (with_key_) {
      auto body = R"({"id":")" + j_.id + R"(","status":"queued","hold":{"amount":"0.2625","currency":"dGPU"}})";
      c.once = idempotency_row{j_.user_id + " POST /api/v1/jobs", id_of("key", n_), std::string(64, 'a'), 202, body};
    }
    return c;
  }
  change claim(const std::string& node, const std::string& provider) {
    return step_of(job_input::claim{node, 1, provider, 250'000'000}, 1);
  }
  change start() { return step_of(job_input::start{j_.lease_epoch}, 2); }
  change finish() {
    run_report report;
    report.ran_ms = 1'200;
    report.stdout_text = "hello\n";
    return finish(report);
  }
  change finish(const run_report& report) { return step_of(job_input::finish{j_.lease_epoch, report}, 1'500); }
  const job& row() const { return j_; }

  /// Any input; the job goes on from what the machine said.
  change step_of(const any_job_input& in, int64_t after_ms) {
    auto now = begin_ms + n_ + after_ms;
    auto s = advance(j_, in, now);
    if (s.why != errc::ok) throw std::logic_error{"the machine refused: " + to_string(s.why)};
    change c;
    c.moves = job_update{s.next};
    auto due = s.settle.value_or(s.accrues);
    if (s.attempt)
      c.attempt =
          attempt_row{j_.id, s.next.lease_epoch,    s.next.node_id, s.next.node_rate, *s.attempt, s.attempt_ran_ms,
                      now,   due.subtotal + due.fee};
    if (s.settle)
      c.closes = hold_close{j_.hold_id, j_.id, {s.next.provider_user, account_kind::earned, j_.currency}, *s.settle};
    if (s.has_result) c.result = result_row{j_.id, s.next.lease_epoch, std::get<job_input::finish>(in).report};
    auto* report = s.has_result ? &std::get<job_input::finish>(in).report : nullptr;
    if (is_terminal(s.next.state)) c.usage = usage_of(s.next, spec(), report);
    if (!s.event.empty()) c.events.push_back(event_of(s.next, s.event, now));
    j_ = s.next;
    return c;
  }

private:
  int64_t n_;
  bool with_key_;
  job j_;
};

}  // namespace troupe::lives
