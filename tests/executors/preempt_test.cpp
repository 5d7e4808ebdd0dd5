// Programs that are sent away: they save what they need within their grace, and go on from it.
#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

const std::string saves =
    "trap 'echo 7 > $TROUPE_CHECKPOINT_DIR/step; echo lost > $TROUPE_ARTIFACTS/a; exit 0' TERM;"
    "cat $TROUPE_CHECKPOINT_DIR/step 2>/dev/null && exit 0;"
    "echo 'TROUPE {\"progress\":0.5}'; while :; do sleep 0.05; done";

run_request with_room(run_request r, int64_t bytes) {
  r.checkpoint_bytes_max = bytes;
  return r;
}

}  // namespace

TEST_CASE("a program that is sent away leaves its checkpoint, and the next attempt finds it") {
  node here;
  trial one(here.environment, with_room(here.shell(saves), 1 << 20));
  one.wait_for_progress();
  one.preempt();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::preempted);
  CHECK(report.artifacts.empty());
  CHECK(report.error_message.empty());
  REQUIRE_FALSE(one.checkpoint.empty());
  check_clean(here);
  auto again = with_room(here.shell(saves), 1 << 20);
  again.epoch = 2;
  again.checkpoint = std::make_shared<const std::string>(one.checkpoint);
  trial two(here.environment, again);
  CHECK(two.wait().outcome == run_outcome::succeeded);
  CHECK(two.wait().stdout_text == "7\n");
}

TEST_CASE("a program that saves nothing was sent away all the same") {
  node here;
  trial one(here.environment, here.shell("echo 'TROUPE {\"progress\":0.5}'; sleep 1000"));
  one.wait_for_progress();
  one.preempt();
  CHECK(one.wait().outcome == run_outcome::preempted);
  CHECK(one.checkpoint.empty());
}

TEST_CASE("a program that ignores the word is killed after the grace it asked for") {
  node here;
  here.environment.kill_grace_ms = 60'000;
  trial one(here.environment, here.shell("trap '' TERM; echo 'TROUPE {\"progress\":0.5}'; while :; do sleep 1; done",
                                         R"(,"checkpoint_grace_seconds":0)"));
  one.wait_for_progress();
  one.preempt();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::preempted);
  CHECK(report.exit_code == 137);
}

TEST_CASE("a checkpoint that is too large is left out, and the report says so") {
  node here;
  trial one(here.environment, with_room(here.shell(saves), 10));
  one.wait_for_progress();
  one.preempt();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::preempted);
  CHECK(one.checkpoint.empty());
  CHECK(report.error_message.find("without a checkpoint") == 0);
}

TEST_CASE("a checkpoint that is damaged is the node's fault, and the program is not started") {
  node here;
  auto request = here.shell("echo started");
  request.checkpoint = std::make_shared<const std::string>("rubbish");
  auto report = trial(here.environment, request).wait();
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.stdout_text.empty());
}

TEST_CASE("an attempt that was cancelled first is not sent away") {
  node here;
  trial one(here.environment, here.shell("trap '' TERM; echo 'TROUPE {\"progress\":0.5}'; while :; do sleep 1; done"));
  one.wait_for_progress();
  one.cancel();
  one.preempt();
  CHECK(one.wait().outcome == run_outcome::cancelled);
}
