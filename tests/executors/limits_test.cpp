// Programs that take too much time, CPU or memory.
#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

TEST_CASE("the wall clock ends a program") {
  node here;
  auto ask = here.shell("echo begun; sleep 1000");
  ask.timeout_ms = 300;
  auto report = trial(here.environment, ask).wait();
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "timeout");
  CHECK(report.exit_code == 137);
  CHECK(report.stdout_text == "begun\n");
  CHECK(report.ran_ms >= 300);
  CHECK(report.ran_ms < 10'000);
}

TEST_CASE("without a limit in the request the one in params holds") {
  node here;
  auto ask = here.shell("sleep 1000", R"(,"timeout_seconds":0.2)");
  ask.timeout_ms = 0;
  CHECK(trial(here.environment, ask).wait().error_code == "timeout");
}

TEST_CASE("CPU time ends a program") {
  node here;
  auto report = here.run_shell("while :; do :; done", R"(,"cpu_seconds":1)");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "cpu_limit");
  CHECK(report.exit_code > 128);
}

TEST_CASE("CPU time of children counts together") {
  node here;
  auto report = here.run_shell("for i in 1 2 3; do (while :; do :; done) & done; wait", R"(,"cpu_seconds":1)");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "cpu_limit");
}

TEST_CASE("memory ends a program, also that of its children") {
  node here;
  auto report =
      here.run_shell("head -c 400000000 /dev/zero | tail -c 300000000 | (sleep 1000; cat)", R"(,"memory_mb":64)");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "memory_limit");
  check_clean(here);
}

TEST_CASE("a program below its limits is left alone") {
  node here;
  auto report = here.run_shell("i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; echo $i",
                               R"(,"memory_mb":512,"cpu_seconds":60)");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == "20000\n");
}

TEST_CASE("a program is not charged for the memory of its server") {
  std::vector<char> ours(200 << 20, 'x');  // the fork shares it until the exec
  node here;
  auto report = here.run_shell("echo fine", R"(,"memory_mb":64)");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(ours.back() == 'x');
}
