// Ends that somebody asked for: cancel, its grace, and the quarantine. Who is told, and who is paid.
#include <doctest/doctest.h>

#include <string>

#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

step take(job& j, const any_job_input& input) {
  auto s = advance(j, input, now);
  REQUIRE(s.why == errc::ok);
  REQUIRE(broken_law(j, input, s, now) == "");
  j = s.next;
  return s;
}

}  // namespace

TEST_CASE("cancelling a job that nobody has ends it at once, for nothing") {
  for (auto state : {job_state::blocked, job_state::scheduled, job_state::queued, job_state::retry_wait}) {
    CAPTURE(state);
    auto j = make_job(state);
    auto old_epoch = j.lease_epoch;
    auto s = take(j, in::cancel{});
    CHECK(j.state == job_state::cancelled);
    CHECK(s.event == "cancelled");
    CHECK(j.cost == 0);
    CHECK(j.lease_epoch == old_epoch);
    CHECK_FALSE(s.vacates);
    CHECK_FALSE(s.stop_node);
    CHECK_FALSE(s.attempt);
    CHECK(advance(j, finish(old_epoch), now).why == errc::stale);
  }
}

TEST_CASE("cancelling a granted job that did not start is forced, and its node is told") {
  auto j = make_job(job_state::leased);
  auto s = take(j, in::cancel{});
  CHECK(j.state == job_state::cancelled);
  CHECK(j.lease_epoch == epoch + 1);
  CHECK(s.attempt == attempt_outcome::cancelled);
  CHECK(s.vacates);
  CHECK(s.stop_node);
  CHECK(j.cost == 0);
  CHECK(advance(j, in::start{epoch}, now).why == errc::stale);
  CHECK(advance(j, finish(epoch), now).why == errc::stale);
}

TEST_CASE("cancelling a running job asks its node first") {
  auto j = make_job(job_state::running);
  auto s = take(j, in::cancel{});
  CHECK(j.state == job_state::cancelling);
  CHECK(s.event == "cancelling");
  CHECK(s.stop_node);
  CHECK_FALSE(s.vacates);
  CHECK_FALSE(s.settle);
  CHECK_FALSE(s.attempt);
  CHECK(j.lease_epoch == epoch);
  CHECK(advance(j, in::cancel{}, now).why == errc::conflict);
}

TEST_CASE("a cancelled run pays the time it used") {
  auto j = make_job(job_state::cancelling);
  auto s = take(j, finish(epoch, run_outcome::cancelled));
  CHECK(j.state == job_state::cancelled);
  CHECK(s.event == "cancelled");
  CHECK(s.attempt == attempt_outcome::cancelled);
  CHECK(s.has_result);
  CHECK(s.vacates);
  CHECK(j.cost == 4'166'667 + 208'334);
  CHECK(j.progress_ppm == 500'000);
}

TEST_CASE("work that was done before the cancel arrived is kept and paid") {
  auto j = make_job(job_state::cancelling);
  auto s = take(j, finish(epoch));
  CHECK(j.state == job_state::succeeded);
  CHECK(s.has_result);
  CHECK(j.cost == 4'166'667 + 208'334);
  j = make_job(job_state::cancelling);
  take(j, finish(epoch, run_outcome::failed));
  CHECK(j.state == job_state::failed);
  CHECK(j.cost == 4'166'667 + 208'334);
}

TEST_CASE("a job that is being cancelled is never tried again") {
  for (const any_job_input& input :
       {any_job_input{in::lost{epoch}}, any_job_input{finish(epoch, run_outcome::node_fault)}}) {
    CAPTURE(input.index());
    auto was_lost = std::holds_alternative<in::lost>(input);
    auto j = make_job(job_state::cancelling);
    auto s = take(j, input);
    CHECK(j.state == job_state::cancelled);
    CHECK(s.event == "cancelled");
    CHECK(s.attempt.has_value());
    CHECK(s.vacates);
    CHECK(j.cost == (was_lost ? 4'166'667 + 208'334 : 0));  // who says that it could not run is not paid
  }
}

TEST_CASE("when the grace is over the end is forced, and whatever the node says later is stale") {
  auto j = make_job(job_state::cancelling);
  auto s = take(j, in::grace_over{epoch});
  CHECK(j.state == job_state::cancelled);
  CHECK(j.lease_epoch == epoch + 1);
  CHECK(s.attempt == attempt_outcome::cancelled);
  CHECK(s.stop_node);
  CHECK(s.vacates);
  CHECK(s.attempt_ran_ms == 60'000);
  CHECK(j.cost == 4'166'667 + 208'334);
  CHECK(advance(j, finish(epoch), now).why == errc::stale);
  CHECK(advance(j, finish(epoch, run_outcome::cancelled), now).why == errc::stale);
}

TEST_CASE("a forced cancel pays by our clock from the start to the cancel, and at most the hold") {
  auto j = make_job(job_state::cancelling);
  j.rare.cancel_ms = j.started_ms + 1;
  CHECK(advance(j, in::grace_over{epoch}, now).next.cost == 70 + 4);
  j.rare.cancel_ms = now + 1'000'000'000;  // our clock was turned back
  CHECK(advance(j, in::grace_over{epoch}, now).next.cost == 6'250'000 + 312'500);
  j.hold = 1'000;
  CHECK(advance(j, in::grace_over{epoch}, now).next.cost <= 1'000);
  j.started_ms = now + 5;
  CHECK(advance(j, in::grace_over{epoch}, now).next.cost == 0);
}

TEST_CASE("a forced cancel of a job that is paid by tokens costs nothing, for only its node could count them") {
  auto j = make_job(job_state::cancelling);
  j.pricing = pricing_mode::by_token;
  j.price_in = j.price_out = 1'000'000;
  j.min_tokens = 100;
  CHECK(advance(j, in::grace_over{epoch}, now).next.cost == 0);
  CHECK(advance(j, in::lost{epoch}, now).next.cost == 0);
}

TEST_CASE("a grace that belongs to another grant forces nothing") {
  auto j = make_job(job_state::cancelling);
  CHECK(advance(j, in::grace_over{epoch - 1}, now).why == errc::stale);
  for (auto state : {job_state::leased, job_state::running, job_state::queued, job_state::retry_wait})
    CHECK(advance(make_job(state), in::grace_over{epoch}, now).why == errc::conflict);
}

TEST_CASE("a quarantined job is dead with its reason, and its node is told") {
  for (auto state : all_states()) {
    if (is_terminal(state)) continue;
    CAPTURE(state);
    auto j = make_job(state);
    auto old_epoch = j.lease_epoch;
    auto s = take(j, in::quarantine{"3 crashes in 30 s"});
    CHECK(j.state == job_state::dead);
    CHECK(s.event == "failed");
    CHECK(j.error_code == "quarantined");
    CHECK(j.error_message == "3 crashes in 30 s");
    CHECK(j.cost == 0);
    CHECK(s.stop_node == is_granted(state));
    CHECK(s.vacates == is_granted(state));
    CHECK(j.lease_epoch == old_epoch + (is_granted(state) ? 1 : 0));
    CHECK((s.attempt == attempt_outcome::lost) == is_granted(state));
  }
}

TEST_CASE("the node's slot is freed exactly when the grant is left") {
  for (auto state : all_states()) {
    auto j = make_job(state);
    auto inputs = all_inputs(j.lease_epoch);
    for (const auto& more : epoch_inputs(j.lease_epoch)) inputs.push_back(more);
    for (const auto& input : inputs) {
      auto s = advance(j, input, now);
      if (s.why != errc::ok) continue;
      CAPTURE(state);
      CAPTURE(input.index());
      CHECK(s.vacates == (is_granted(state) && !is_granted(s.next.state)));
    }
  }
}
