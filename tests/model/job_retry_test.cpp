// How often a job is tried, how long it waits in between, and when it is given up.
#include <doctest/doctest.h>

#include <string>

#include "model/limits.hpp"
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

}  // namespace

TEST_CASE("a job is dead when its attempts are spent, and nobody is paid") {
  const std::vector<any_job_input> ends{in::lost{epoch}, in::deadline{epoch}, finish(epoch, run_outcome::node_fault),
                                        finish(epoch, run_outcome::cancelled)};
  for (const auto& input : ends) {
    CAPTURE(input.index());
    auto j = make_job(job_state::running);
    j.attempts = j.max_attempts - 1;
    CHECK(advance(j, input, now).next.state == job_state::retry_wait);
    j.attempts = j.max_attempts;
    auto s = take(j, input);
    CHECK(j.state == job_state::dead);
    CHECK(s.event == "failed");
    CHECK(s.settle.has_value());
    CHECK(j.cost == 0);
    CHECK(s.vacates);
    CHECK_FALSE(j.error_code.empty());
  }
}

TEST_CASE("a job that no node will start is poison and dies at the last delivery") {
  for (bool rejected : {true, false}) {
    auto j = fresh();
    for (int64_t e = 1; e <= limits::deliveries_max; ++e) {
      REQUIRE(j.state == job_state::queued);
      take(j, claim());
      CHECK(j.deliveries == e);
      auto s = rejected ? take(j, in::reject{e}) : take(j, in::lost{e});
      CHECK(s.attempt == (rejected ? attempt_outcome::rejected : attempt_outcome::lost));
      CHECK(s.vacates);
    }
    CHECK(j.state == job_state::dead);
    CHECK(j.error_code == "undeliverable");
    CHECK(j.attempts == 0);
    CHECK(j.cost == 0);
  }
}

TEST_CASE("a start clears the count of vain deliveries") {
  auto j = make_job(job_state::leased);
  j.deliveries = limits::deliveries_max;
  take(j, in::start{epoch});
  CHECK(j.deliveries == 0);
  take(j, in::lost{epoch});
  take(j, in::due{}, now + 60'000);
  take(j, claim());
  take(j, in::reject{epoch + 1});
  CHECK(j.state == job_state::queued);
}

TEST_CASE("a rejection costs no attempt") {
  auto j = make_job(job_state::leased);
  take(j, in::reject{epoch});
  CHECK(j.state == job_state::queued);
  CHECK(j.attempts == 0);
}

TEST_CASE("the pause before a retry doubles up to a minute, give or take half") {
  const std::array<int64_t, 9> pauses{1'000, 2'000, 4'000, 8'000, 16'000, 32'000, 60'000, 60'000, 60'000};
  for (int32_t attempts = 1; attempts <= 9; ++attempts) {
    auto pause = pauses[static_cast<size_t>(attempts - 1)];
    auto j = make_job(job_state::running);
    j.attempts = attempts;
    j.max_attempts = limits::attempts_max;
    for (const any_job_input& input :
         {any_job_input{finish(epoch, run_outcome::node_fault)}, any_job_input{in::deadline{epoch}}}) {
      CAPTURE(attempts);
      CHECK(advance(j, input, now, 0).next.run_at_ms == now + pause / 2);
      CHECK(advance(j, input, now, 500'000).next.run_at_ms == now + pause);
      CHECK(advance(j, input, now, 1'000'000).next.run_at_ms == now + pause + pause / 2);
    }
  }
}

TEST_CASE("a lost node is no fault of the job: the pause is short, whatever the attempt") {
  for (int32_t attempts : {1, 5, 19}) {
    auto j = make_job(job_state::running);
    j.attempts = attempts;
    j.max_attempts = limits::attempts_max;
    CHECK(advance(j, in::lost{epoch}, now, 0).next.run_at_ms == now + 250);
    CHECK(advance(j, in::lost{epoch}, now, 1'000'000).next.run_at_ms == now + 750);
  }
}

TEST_CASE("a job of many attempts still waits a bounded time") {
  auto j = make_job(job_state::running);
  j.attempts = 1'000'000;
  j.max_attempts = 2'000'000;
  CHECK(advance(j, in::deadline{epoch}, now, 1'000'000).next.run_at_ms == now + 90'000);
  j.attempts = 0;
  CHECK(advance(j, in::deadline{epoch}, now, 0).next.run_at_ms == now + 500);
}
