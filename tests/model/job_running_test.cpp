// What happens to a job while it runs: holds that grow or cannot, attempts that are preempted, poison, long silence.
#include <doctest/doctest.h>

#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

step take(job& j, const any_job_input& input, time_ms at = now) {
  auto s = advance(j, input, at);
  REQUIRE(s.why == errc::ok);
  REQUIRE(broken_law(j, input, s, at) == "");
  j = s.next;
  return s;
}

/// Started at `now`; its hold covers 100 s of an hour at 0.25 an hour, fee 5 %.
job open_ended() {
  auto j = make_job(job_state::running);
  j.started_ms = now;
  j.leased_ms = now;
  j.rare.hold_window_ms = 100'000;
  j.hold = 7'291'668;  // 6'944'445 + 347'223
  return j;
}

constexpr amount whole_price = 262'500'000;

in::finish preempted(int64_t ran_ms, int64_t checkpoint_bytes = 0, int64_t e = epoch) {
  auto f = finish(e, run_outcome::preempted, ran_ms);
  f.checkpoint_bytes = checkpoint_bytes;
  return f;
}

}  // namespace

TEST_CASE("a hold grows at nine tenths of it, by one window, and never before") {
  auto j = open_ended();
  CHECK(due_extension(j, now) == 0);
  CHECK(due_extension(j, now + 90'000) == 0);
  CHECK(advance(j, in::extend{epoch}, now + 90'000).why == errc::conflict);
  CHECK(due_extension(j, now + 90'001) == 7'291'668);
  auto s = take(j, in::extend{epoch}, now + 90'001);
  CHECK(s.grows == 7'291'668);
  CHECK(j.hold == 2 * 7'291'668);
  CHECK(j.rare.hold_steps == 1);
  CHECK(s.event.empty());
  CHECK(advance(j, in::extend{epoch}, now + 90'001).why == errc::conflict);
  take(j, in::extend{epoch}, now + 180'001);
  CHECK(j.rare.hold_steps == 2);
}

TEST_CASE("a short hold grows while it still lasts some seconds") {
  auto j = open_ended();
  j.rare.hold_window_ms = 10'000;
  j.hold = 729'168;
  CHECK(due_extension(j, now + 4'900) == 0);
  CHECK(due_extension(j, now + 5'000) > 0);
}

TEST_CASE("a hold never grows beyond what the timeout can cost, and then no more") {
  auto j = open_ended();
  j.hold = whole_price - 1;
  CHECK(due_extension(j, now + 3'595'000) == 1);
  take(j, in::extend{epoch}, now + 3'595'000);
  CHECK(j.hold == whole_price);
  CHECK(due_extension(j, now + 3'600'000) == 0);
  CHECK(due_extension(j, now + 360'000'000) == 0);
}

TEST_CASE("a hold that nobody looked at for long covers what was used and a window more") {
  auto j = open_ended();
  CHECK(j.hold + due_extension(j, now + 1'000'000) == 72'916'668 + 7'291'668);
}

TEST_CASE("a hold of the whole timeout does not grow, nor does one of tokens, nor one of a job that does not run") {
  auto j = open_ended();
  j.rare.hold_window_ms = 0;
  CHECK(due_extension(j, now + 99'000) == 0);
  j = open_ended();
  j.pricing = pricing_mode::by_token;
  CHECK(due_extension(j, now + 99'000) == 0);
  j = open_ended();
  j.state = job_state::cancelling;
  CHECK(due_extension(j, now + 99'000) == 0);
}

TEST_CASE("a fee inside the price is inside the extension, too") {
  auto j = open_ended();
  j.fee_inclusive = true;
  j.hold = 6'944'445;
  CHECK(due_extension(j, now + 90'001) == 6'944'445);
}

TEST_CASE("without money for more time a job is stopped, told why, and pays what ran") {
  auto j = open_ended();
  auto s = take(j, in::funds{epoch, "1 is needed"}, now + 90'000);
  CHECK(j.state == job_state::cancelling);
  CHECK(j.error_code == "insufficient_funds");
  CHECK(s.event == "funds");
  CHECK(s.stop_node);
  auto f = finish(epoch, run_outcome::cancelled, 90'000);
  s = take(j, f, now + 90'500);
  CHECK(j.state == job_state::cancelled);
  CHECK(j.error_code == "insufficient_funds");
  CHECK(j.cost == 6'250'000 + 312'500);
}

TEST_CASE("a job that ends well while it is being stopped for want of money has succeeded without an error") {
  auto j = open_ended();
  take(j, in::funds{epoch, "1 is needed"}, now + 90'000);
  take(j, finish(epoch, run_outcome::succeeded, 90'000), now + 90'500);
  CHECK(j.state == job_state::succeeded);
  CHECK(j.error_code.empty());
  CHECK(j.error_message.empty());
}

TEST_CASE("a preempted attempt goes back to the queue, is not charged, and what it used is due") {
  auto j = make_job(job_state::running);
  auto s = take(j, preempted(60'000, 5'000));
  CHECK(j.state == job_state::queued);
  CHECK(s.attempt == attempt_outcome::preempted);
  CHECK(s.event == "preempted");
  CHECK(s.vacates);
  CHECK(s.attempt_ran_ms == 60'000);
  CHECK_FALSE(s.settle);
  CHECK(j.lease_epoch == epoch + 1);
  CHECK(j.attempts == 1);
  CHECK(j.max_attempts == 4);
  CHECK(j.rare.checkpoint_epoch == epoch);
  CHECK(j.progress_ppm == 500'000);
  CHECK(j.rare.accrued == std::vector{accrual{"provider-1", 4'166'667, 208'334}});
}

TEST_CASE("whatever comes late of a preempted attempt is stale: it is due its pay already") {
  auto j = make_job(job_state::running);
  take(j, preempted(60'000));
  for (auto& late : epoch_inputs(epoch)) CHECK(advance(j, late, now).why == errc::stale);
  for (auto& forged : epoch_inputs(epoch + 1)) CHECK(advance(j, forged, now).why != errc::ok);
}

TEST_CASE("preempted attempts of several providers are paid with the last one, once, and within the hold") {
  auto j = make_job(job_state::running);
  take(j, preempted(60'000, 1));
  take(j, claim());
  take(j, in::start{j.lease_epoch});
  take(j, preempted(3'600'000, 1, j.lease_epoch), now + 3'600'000);
  take(j, in::claim{"node-1", 3, "provider-1", 250'000'000}, now + 3'600'000);
  take(j, in::start{j.lease_epoch}, now + 3'600'000);
  take(j, preempted(60'000, 1, j.lease_epoch), now + 3'660'000);
  REQUIRE(j.rare.accrued.size() == 2);
  CHECK(j.rare.accrued[0] == accrual{"provider-1", 8'333'334, 416'668});
  CHECK(j.rare.accrued[1] == accrual{"provider-2", 200'000'000, 10'000'000});
  take(j, claim(), now + 3'660'000);
  auto s = take(j, finish(j.lease_epoch, run_outcome::succeeded, 3'600'000), now + 7'260'000);
  CHECK(j.state == job_state::succeeded);
  CHECK(j.cost == j.hold);
  CHECK(s.settle->subtotal + s.settle->fee == 262'500'000 - 8'750'002 - 210'000'000);
}

TEST_CASE("every end pays what accrued before") {
  auto j = make_job(job_state::running);
  take(j, preempted(60'000, 1));
  auto waiting = j;
  take(waiting, in::cancel{});
  CHECK(waiting.cost == 4'375'001);
  auto crashing = j;
  take(crashing, in::quarantine{"crashes"});
  CHECK(crashing.cost == 4'375'001);
  take(j, claim());
  auto leased = j;
  take(leased, in::cancel{});
  CHECK(leased.cost == 4'375'001);
  take(j, finish(j.lease_epoch, run_outcome::failed, 0));
  CHECK(j.cost == 4'375'001);
}

TEST_CASE("an attempt that left no checkpoint begins anew, unless an earlier one did") {
  auto j = make_job(job_state::running);
  take(j, preempted(60'000));
  CHECK(j.progress_ppm == 0);
  CHECK(j.rare.checkpoint_epoch == 0);
  j = make_job(job_state::running);
  j.rare.checkpoint_epoch = 3;
  take(j, preempted(60'000));
  CHECK(j.progress_ppm == 500'000);
  CHECK(j.rare.checkpoint_epoch == 3);
}

TEST_CASE("a preempted attempt that is paid by tokens is due nothing: its answer is thrown away") {
  auto j = make_job(job_state::running);
  j.pricing = pricing_mode::by_token;
  j.price_in = j.price_out = 1'000'000;
  j.min_tokens = 100;
  auto s = take(j, preempted(60'000));
  CHECK(j.rare.accrued.empty());
  CHECK(s.accrues.subtotal == 0);
}

TEST_CASE("a preempted attempt of a job that is being cancelled ends it and is paid") {
  auto j = make_job(job_state::cancelling);
  auto s = take(j, preempted(60'000, 5));
  CHECK(j.state == job_state::cancelled);
  CHECK(s.settle->subtotal == 4'166'667);
}

TEST_CASE("a hold that grows leaves room for what accrued") {
  auto j = open_ended();
  take(j, preempted(50'000, 1), now + 50'000);
  take(j, in::claim{"node-1", 3, "provider-1", 250'000'000}, now + 60'000);
  take(j, in::start{j.lease_epoch}, now + 60'000);
  CHECK(due_extension(j, now + 60'000 + 39'000) == 0);
  CHECK(due_extension(j, now + 60'000 + 40'000) == 7'291'668);
  take(j, in::extend{j.lease_epoch}, now + 100'000);
  take(j, finish(j.lease_epoch, run_outcome::succeeded, 140'000), now + 200'000);
  CHECK(j.cost == 3'645'835 + 10'208'335);
}

TEST_CASE("a job that is lost on three different nodes is poison") {
  auto j = make_job(job_state::running);
  j.max_attempts = 20;
  take(j, in::lost{epoch});
  CHECK(j.state == job_state::retry_wait);
  auto at = now;
  for (auto* node : {"node-1", "node-2"}) {
    at += 100'000;
    take(j, in::due{}, at);
    take(j, in::claim{node, 1, "p", 5}, at);
    take(j, in::start{j.lease_epoch}, at);
    take(j, in::lost{j.lease_epoch}, at);
    CHECK(j.state == job_state::retry_wait);
  }
  CHECK(j.rare.lost_on == std::vector<std::string>{"node-1", "node-2"});
  take(j, in::due{}, at + 100'000);
  take(j, in::claim{"node-3", 1, "p", 5}, at + 100'000);
  take(j, in::start{j.lease_epoch}, at + 100'000);
  auto s = take(j, in::lost{j.lease_epoch}, at + 100'000);
  CHECK(j.state == job_state::dead);
  CHECK(j.error_code == "poison");
  CHECK(s.attempt == attempt_outcome::lost);
  CHECK(j.cost == 0);
}

TEST_CASE("a rejection by a node that takes nothing at all does not make a job undeliverable") {
  auto j = make_job(job_state::leased);
  for (int i = 0; i < 20; ++i) {
    take(j, in::reject{j.lease_epoch, true});
    REQUIRE(j.state == job_state::queued);
    CHECK(j.deliveries == 0);
    take(j, claim());
  }
}

TEST_CASE("long silence is told once, and progress begins the wait anew") {
  auto j = make_job(job_state::leased);
  j.rare.stall_ms = 30'000;
  take(j, in::start{epoch});
  CHECK(advance(j, in::stalled{epoch}, now + 29'999).why == errc::conflict);
  auto s = take(j, in::stalled{epoch}, now + 30'000);
  CHECK(s.event == "stalled");
  CHECK(j.state == job_state::running);
  CHECK(advance(j, in::stalled{epoch}, now + 300'000).why == errc::conflict);
  take(j, in::progress{epoch, 10, ""}, now + 300'000);
  take(j, in::stalled{epoch}, now + 330'000);
  j = make_job(job_state::running);
  CHECK(advance(j, in::stalled{epoch}, now + 3'000'000).why == errc::conflict);
}
