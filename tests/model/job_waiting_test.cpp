// A job that waits: for others, for its time, in vain, and for its owner to pay once more.
#include <doctest/doctest.h>

#include "model/limits.hpp"
#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

job late_job(job_state state) {
  auto j = make_job(state);
  j.expires_ms = now - 1;
  return j;
}

}  // namespace

TEST_CASE("a job that nobody began with in time expires from wherever it waits, and pays nothing") {
  for (auto state : all_states()) {
    CAPTURE(state);
    auto j = late_job(state);
    auto s = advance(j, in::expire{}, now);
    if (!is_waiting(state)) {
      CHECK(s.why == errc::conflict);
      continue;
    }
    REQUIRE(s.why == errc::ok);
    CHECK(broken_law(j, in::expire{}, s, now) == "");
    CHECK(s.next.state == job_state::expired);
    CHECK(s.next.error_code == "expired");
    CHECK(s.event == "failed");
    CHECK(s.next.cost == 0);
    CHECK(public_status(s.next.state) == "failed");
    j.expires_ms = now + 1;
    CHECK(advance(j, in::expire{}, now).why == errc::conflict);
    j.expires_ms = 0;
    CHECK(advance(j, in::expire{}, now).why == errc::conflict);
  }
}

TEST_CASE("a job that is late is granted to nobody, one granted in time may run on") {
  auto j = late_job(job_state::queued);
  CHECK(advance(j, claim(), now).why == errc::conflict);
  j.expires_ms = now + 1;
  auto granted = advance(j, claim(), now).next;
  CHECK(granted.state == job_state::leased);
  CHECK(advance(granted, in::start{granted.lease_epoch}, now + 1'000).why == errc::ok);
}

TEST_CASE("a blocked job goes into the queue behind its last parent, or waits for its time") {
  auto j = make_job(job_state::blocked);
  auto s = advance(j, in::parents_done{}, now);
  CHECK(s.next.state == job_state::queued);
  CHECK(s.event == "queued");
  CHECK(broken_law(j, in::parents_done{}, s, now) == "");
  j.run_at_ms = now + 1;
  CHECK(advance(j, in::parents_done{}, now).next.state == job_state::scheduled);
  for (auto state : all_states())
    if (state != job_state::blocked) {
      CHECK(advance(make_job(state), in::parents_done{}, now).why == errc::conflict);
      CHECK(advance(make_job(state), in::parent_failed{"job-0"}, now).why == errc::conflict);
    }
}

TEST_CASE("a blocked job ends with the parent that failed, and says which") {
  auto j = make_job(job_state::blocked);
  auto s = advance(j, in::parent_failed{"job-0"}, now);
  CHECK(broken_law(j, in::parent_failed{"job-0"}, s, now) == "");
  CHECK(s.next.state == job_state::cancelled);
  CHECK(s.next.error_code == "parent_failed");
  CHECK(s.next.error_message.find("job-0") != std::string::npos);
  CHECK(s.next.cost == 0);
}

TEST_CASE("an owner may change priority and time while the job waits, and not after") {
  auto j = make_job(job_state::queued);
  auto s = advance(j, in::amend{9, now + 5'000}, now);
  CHECK(s.next.state == job_state::scheduled);
  CHECK(s.next.priority == 9);
  CHECK(s.next.run_at_ms == now + 5'000);
  CHECK(s.event == "scheduled");
  auto back = advance(s.next, in::amend{-1, 0}, now);
  CHECK(back.next.state == job_state::queued);
  CHECK(back.next.priority == 9);
  auto blocked = advance(make_job(job_state::blocked), in::amend{-1, now + 5'000}, now);
  CHECK(blocked.next.state == job_state::blocked);
  CHECK(blocked.event == "");
  j.expires_ms = now + 5'000;
  CHECK(advance(j, in::amend{-1, now + 5'000}, now).why == errc::invalid);
  for (auto state : all_states())
    if (!is_waiting(state) || state == job_state::retry_wait)
      CHECK(advance(make_job(state), in::amend{1, -1}, now).why == errc::conflict);
}

TEST_CASE("only a job that failed or died lives again: with a new hold, a new epoch and all its tries") {
  for (auto state : all_states()) {
    CAPTURE(state);
    auto j = late_job(state);
    j.error_code = "exit_code";
    j.cost = 5;
    auto s = advance(j, in::redrive{"hold-1.1"}, now);
    auto may = state == job_state::failed || state == job_state::dead;
    REQUIRE((s.why == errc::ok) == may);
    if (!may) continue;
    CHECK(s.next.state == job_state::queued);
    CHECK(s.next.version == j.version + 1);
    CHECK(s.next.lease_epoch == j.lease_epoch + 1);
    CHECK(s.next.attempts == 0);
    CHECK(s.next.hold_id == "hold-1.1");
    CHECK(s.next.cost == 0);
    CHECK(s.next.expires_ms == 0);
    CHECK(s.next.finished_ms == 0);
    CHECK(s.next.error_code == "");
    CHECK_FALSE(s.settle);
    CHECK(advance(s.next, finish(j.lease_epoch), now).why == errc::stale);  // the first life is over
  }
}

TEST_CASE("each life of a job has a hold of its own, and the way back is known") {
  CHECK(next_hold_id("hold_X") == "hold_X.1");
  CHECK(next_hold_id("hold_X.1") == "hold_X.2");
  CHECK(next_hold_id("hold_X.9") == "hold_X.10");
  CHECK(hold_before("hold_X.10") == "hold_X.9");
  CHECK(hold_before("hold_X.1") == "hold_X");
  CHECK(hold_before("hold_X") == "");
}

TEST_CASE("the pauses between attempts are the owner's, and never beyond their bound") {
  auto j = make_job(job_state::running);
  j.max_attempts = limits::attempts_max;
  j.retry_base_ms = 10'000;
  j.retry_max_ms = 30'000;
  auto pause = [&](int attempts) {
    j.attempts = attempts;
    return advance(j, in::deadline{epoch}, now).next.run_at_ms - now;
  };
  CHECK(pause(1) == 10'000);
  CHECK(pause(2) == 20'000);
  CHECK(pause(3) == 30'000);
  CHECK(pause(19) == 30'000);
  j.retry_base_ms = limits::retry_base_seconds_max * 1000;
  j.retry_max_ms = limits::retry_max_seconds_max * 1000;
  CHECK(pause(19) == j.retry_max_ms);
  j.retry_max_ms = 0;
  CHECK(pause(1) == j.retry_base_ms);
}
