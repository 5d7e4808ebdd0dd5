// The laws of the job machine, one sentence each: grants, reports, late finishers and who is paid.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

/// Applies an input that must be accepted.
step take(job& j, const any_job_input& input, time_ms at = now, int32_t jitter_ppm = 500'000) {
  auto s = advance(j, input, at, jitter_ppm);
  CAPTURE(input.index());
  REQUIRE(s.why == errc::ok);
  REQUIRE(broken_law(j, input, s, at) == "");
  j = s.next;
  return s;
}

job fresh() {
  auto j = make_job(job_state::scheduled);
  j.state = job_state::queued;
  return j;
}

/// 60 s at 0.25 dGPU an hour, and 5 % of it, both rounded up.
constexpr settlement a_minute{4'166'667, 208'334};

bool same(const std::optional<settlement>& a, const settlement& b) {
  return a && a->subtotal == b.subtotal && a->fee == b.fee;
}

}  // namespace

TEST_CASE("a job runs from the queue to its payment") {
  auto j = fresh();
  auto s = take(j, in::claim{"node-1", 3, "provider-1", 250'000'000});
  CHECK(s.attempt == attempt_outcome::open);
  CHECK(j.lease_epoch == 1);
  CHECK(j.node_id == "node-1");
  CHECK(j.node_session == 3);
  CHECK(j.provider_user == "provider-1");
  CHECK(j.node_rate == 250'000'000);
  CHECK(j.leased_ms == now);
  s = take(j, in::start{1}, now + 5);
  CHECK(s.event == "started");
  CHECK(j.attempts == 1);
  CHECK(j.started_ms == now + 5);
  s = take(j, in::progress{1, 250'000, "a quarter"}, now + 15'000);
  CHECK(s.event == "progress");
  CHECK(s.message == "a quarter");
  CHECK(j.progress_ppm == 250'000);
  s = take(j, finish(1), now + 60'005);
  CHECK(j.state == job_state::succeeded);
  CHECK(s.event == "completed");
  CHECK(s.attempt == attempt_outcome::succeeded);
  CHECK(s.attempt_ran_ms == 60'000);
  CHECK(s.has_result);
  CHECK(same(s.settle, a_minute));
  CHECK(j.cost == 4'375'001);
  CHECK(j.progress_ppm == 1'000'000);
  CHECK(j.finished_ms == now + 60'005);
  CHECK(j.version == 44);
}

TEST_CASE("a job that is not due stays where it is") {
  for (auto state : {job_state::scheduled, job_state::retry_wait}) {
    auto j = make_job(state);
    j.run_at_ms = now;
    CHECK(advance(j, in::due{}, now - 1).why == errc::conflict);
    CHECK(advance(j, in::due{}, now).next.state == job_state::queued);
  }
}

TEST_CASE("a new grant forgets the start of the one before") {
  auto j = make_job(job_state::queued);
  take(j, claim());
  CHECK(j.lease_epoch == epoch + 1);
  CHECK(j.started_ms == 0);
  CHECK(j.leased_ms == now);
  CHECK(j.node_id == "node-2");
  CHECK(j.node_session == 9);
  CHECK(j.provider_user == "provider-2");
  CHECK(j.node_rate == 200'000'000);
  CHECK(j.deliveries == 1);
}

TEST_CASE("a late finisher wins when nobody was re-granted the job") {
  for (bool waited : {false, true}) {
    auto j = make_job(job_state::running);
    CHECK(take(j, in::lost{epoch}).vacates);
    if (waited) take(j, in::due{}, now + 10'000);
    auto s = take(j, finish(epoch), now + 11'000);
    CHECK(j.state == job_state::succeeded);
    CHECK(same(s.settle, a_minute));
    CHECK(s.attempt == attempt_outcome::succeeded);
    CHECK(s.has_result);
    CHECK_FALSE(s.vacates);  // the slot was freed when the node was lost
    CHECK(j.attempts == 1);
    CHECK(j.provider_user == "provider-1");
    CHECK(advance(j, finish(epoch), now + 12'000).why != errc::ok);
  }
}

TEST_CASE("a late finisher whose start was never heard of wins, too, and that was an attempt") {
  auto j = make_job(job_state::leased);
  take(j, in::lost{epoch});
  auto s = take(j, finish(epoch), now + 1'000);
  CHECK(j.state == job_state::succeeded);
  CHECK(same(s.settle, a_minute));
  CHECK_FALSE(s.vacates);
  CHECK(j.attempts == 1);
  CHECK(j.started_ms == j.leased_ms);
}

TEST_CASE("a late finisher is stale once the job is granted again, wherever that grant is") {
  auto j = make_job(job_state::queued);
  take(j, claim());
  CHECK(advance(j, finish(epoch), now).why == errc::stale);
  take(j, in::start{epoch + 1});
  CHECK(advance(j, finish(epoch), now).why == errc::stale);
  take(j, in::lost{epoch + 1});
  CHECK(advance(j, finish(epoch), now).why == errc::stale);
  take(j, in::due{}, now + 60'000);
  CHECK(advance(j, finish(epoch), now).why == errc::stale);
  auto s = take(j, finish(epoch + 1), now + 60'000);
  CHECK(j.state == job_state::succeeded);
  CHECK(j.provider_user == "provider-2");
}

TEST_CASE("a job that was never granted believes no finisher") {
  auto j = fresh();
  for (int64_t e : {-1, 0, 1}) CHECK(advance(j, finish(e), now).why == errc::stale);
}

TEST_CASE("a stranger who knows the epoch ends nobody's job") {
  for (auto state : all_states()) {
    auto j = make_job(state);
    auto report = finish(j.lease_epoch);
    auto anonymous = advance(j, report, now);
    report.node_id = "a stranger";
    auto s = advance(j, report, now);
    CAPTURE(state);
    CHECK(s.why == errc::stale);
    CHECK(does_nothing(s));
    report.node_id = j.node_id;
    CHECK(advance(j, report, now).next == anonymous.next);
  }
}

TEST_CASE("a late failure is no news: the retry goes on") {
  for (auto state : {job_state::retry_wait, job_state::queued}) {
    auto j = make_job(state);
    for (auto outcome : {run_outcome::failed, run_outcome::node_fault, run_outcome::cancelled})
      CHECK(advance(j, finish(epoch, outcome), now).why == errc::stale);
  }
}

TEST_CASE("a report that overtook its start counts as a start") {
  for (auto outcome : {run_outcome::succeeded, run_outcome::failed, run_outcome::node_fault, run_outcome::cancelled}) {
    auto j = make_job(job_state::leased);
    auto s = take(j, finish(epoch, outcome));
    CHECK(s.vacates);
    CHECK(j.attempts == 1);
    CHECK(j.deliveries == 0);
    CHECK(j.started_ms == j.leased_ms);
    CHECK(advance(j, in::start{epoch}, now).why == errc::conflict);  // the start that comes behind it
  }
}

TEST_CASE("a report that overtook its start spends the last attempt") {
  for (auto outcome : {run_outcome::node_fault, run_outcome::cancelled}) {
    auto j = make_job(job_state::leased);
    j.attempts = j.max_attempts - 1;
    take(j, finish(epoch, outcome));
    CHECK(j.state == job_state::dead);
    CHECK(j.attempts == j.max_attempts);
  }
}

TEST_CASE("the start is told once for each attempt, however often it is sent") {
  auto j = fresh();
  std::set<int64_t> told;
  for (int64_t e = 1; e <= 3; ++e) {
    take(j, claim());
    for (int again = 0; again < 3; ++again) {
      auto s = advance(j, in::start{e}, now);
      CHECK((s.why == errc::ok) == (again == 0));
      if (s.why != errc::ok) continue;
      CHECK(told.insert(j.lease_epoch).second);
      j = s.next;
    }
    take(j, in::lost{e});
    CHECK(advance(j, in::start{e}, now).why == errc::conflict);
    if (!is_terminal(j.state)) take(j, in::due{}, now + 60'000);
  }
  CHECK(told.size() == 3);
  CHECK(j.state == job_state::dead);
}

TEST_CASE("progress never falls, whatever the order of the messages") {
  auto j = make_job(job_state::running);
  take(j, in::progress{epoch, 400'000, ""});
  CHECK(j.progress_ppm == 500'000);
  take(j, in::progress{epoch, -5, ""});
  CHECK(j.progress_ppm == 500'000);
  take(j, in::progress{epoch, 700'000, ""});
  CHECK(j.progress_ppm == 700'000);
  take(j, in::progress{epoch, 2'000'000, ""});
  CHECK(j.progress_ppm == 1'000'000);
}

TEST_CASE("a retry begins its progress anew") {
  auto j = make_job(job_state::running);
  take(j, in::lost{epoch});
  CHECK(j.progress_ppm == 0);
}

TEST_CASE("time that a node cannot have worked is not paid") {
  const int64_t hour = 3'600'000;
  auto j = make_job(job_state::running);
  auto s = advance(j, finish(epoch, run_outcome::succeeded, 100 * hour), now);  // granted 100 s ago
  CHECK(s.attempt_ran_ms == 100'000);
  CHECK(same(s.settle, price_of(j, 100'000, 0, 0)));
  s = advance(j, finish(epoch, run_outcome::succeeded, 100'000), now);
  CHECK(s.attempt_ran_ms == 100'000);
  s = advance(j, finish(epoch, run_outcome::succeeded, 99'999), now);
  CHECK(s.attempt_ran_ms == 99'999);
}

TEST_CASE("nonsense in a report costs nothing and crashes nothing") {
  auto j = make_job(job_state::running);
  CHECK(advance(j, finish(epoch, run_outcome::succeeded, -1), now).next.cost == 0);
  auto clock_set_back = advance(j, finish(epoch), j.leased_ms - 1);
  CHECK(clock_set_back.next.state == job_state::succeeded);
  CHECK(clock_set_back.next.cost == 0);
  j.pricing = pricing_mode::by_token;
  j.price_in = j.price_out = one;
  auto report = finish(epoch);
  report.report.prompt_tokens = -1'000;
  report.report.completion_tokens = -1'000;
  CHECK(advance(j, report, now).next.cost == 0);
}

TEST_CASE("a program's own failure is paid and not tried again") {
  auto j = make_job(job_state::running);
  auto report = finish(epoch, run_outcome::failed);
  report.report.error_message = "exit code 3";
  auto s = take(j, report);
  CHECK(j.state == job_state::failed);
  CHECK(s.event == "failed");
  CHECK(s.attempt == attempt_outcome::failed);
  CHECK(s.has_result);
  CHECK(same(s.settle, a_minute));
  CHECK(j.error_code == "exit_code");
  CHECK(j.error_message == "exit code 3");
}

TEST_CASE("a run that the node ended at its time limit has timed out") {
  auto j = make_job(job_state::running);
  auto report = finish(epoch, run_outcome::failed);
  report.report.error_code = "timeout";
  auto s = take(j, report);
  CHECK(s.attempt == attempt_outcome::timed_out);
  CHECK(j.error_code == "timeout");
  CHECK(same(s.settle, a_minute));
}

TEST_CASE("a node's fault is not paid and the job is tried again") {
  auto j = make_job(job_state::running);
  auto report = finish(epoch, run_outcome::node_fault);
  report.report.error_message = "disk is full";
  auto s = take(j, report);
  CHECK(j.state == job_state::retry_wait);
  CHECK(s.attempt == attempt_outcome::failed);
  CHECK(s.vacates);
  CHECK(s.event == "retrying");
  CHECK(s.message == "disk is full");
  CHECK_FALSE(s.has_result);
  CHECK_FALSE(s.settle);
  CHECK(s.attempt_ran_ms == 60'000);
}

TEST_CASE("a node that stops a job unasked has lost it") {
  auto j = make_job(job_state::running);
  auto s = take(j, finish(epoch, run_outcome::cancelled));
  CHECK(j.state == job_state::retry_wait);
  CHECK(s.attempt == attempt_outcome::lost);
  CHECK_FALSE(s.settle);
}

TEST_CASE("the epoch does not move when a node is lost: that is what lets it finish late") {
  for (auto state : {job_state::leased, job_state::running}) {
    auto j = make_job(state);
    auto s = take(j, in::lost{epoch});
    CHECK(j.lease_epoch == epoch);
    CHECK(s.attempt == attempt_outcome::lost);
    CHECK(s.vacates);
  }
}

TEST_CASE("an attempt that outlives its time is stopped and tried again") {
  auto j = make_job(job_state::running);
  auto s = take(j, in::deadline{epoch});
  CHECK(j.state == job_state::retry_wait);
  CHECK(s.attempt == attempt_outcome::timed_out);
  CHECK(s.stop_node);
  CHECK(s.vacates);
}
