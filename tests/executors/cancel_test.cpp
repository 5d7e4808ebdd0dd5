// Ending programs from outside, with all they started.
#include <sys/wait.h>
#include <unistd.h>

#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

TEST_CASE("cancelling ends the program and its grandchildren") {
  node here;
  // timeout(1) makes a process group of its own.
  trial one(here.environment, here.shell("(timeout 1000 sleep 999 & echo \"TROUPE {\\\"progress\\\":0,"
                                         "\\\"message\\\":\\\"$!\\\"}\"; sleep 998); sleep 997"));
  auto grandchild = std::stoi(one.wait_for_progress().message);
  CHECK(lives(grandchild));
  one.cancel();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::cancelled);
  CHECK(report.exit_code == 143);
  CHECK(!lives(grandchild));
  check_clean(here);
}

TEST_CASE("a program that ignores SIGTERM is killed after the grace") {
  node here;
  here.environment.kill_grace_ms = 150;
  trial one(here.environment, here.shell("trap '' TERM; echo 'TROUPE {\"progress\":0.5}'; while :; do sleep 1; done"));
  one.wait_for_progress();
  one.cancel();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::cancelled);
  CHECK(report.exit_code == 137);
}

TEST_CASE("a program that ends well on SIGTERM was cancelled all the same") {
  node here;
  trial one(here.environment, here.shell("trap 'echo saved; exit 0' TERM; echo 'TROUPE {\"progress\":0.5}'; "
                                         "while :; do sleep 0.05; done"));
  one.wait_for_progress();
  one.cancel();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::cancelled);
  CHECK(report.exit_code == 0);
  CHECK(report.stdout_text == "saved\n");
}

TEST_CASE("cancelling after the end changes nothing") {
  node here;
  trial one(here.environment, here.shell("true"));
  CHECK(one.wait().outcome == run_outcome::succeeded);
  one.cancel();
  one.cancel();
  one.destroy();
  CHECK(one.reports() == 1);
}

TEST_CASE("destroying a run cancels it and waits for its end") {
  node here;
  trial one(here.environment,
            here.shell("echo \"TROUPE {\\\"progress\\\":0,\\\"message\\\":\\\"$$\\\"}\"; sleep 1000"));
  auto program = std::stoi(one.wait_for_progress().message);
  one.destroy();
  CHECK(one.reports() == 1);
  CHECK(one.wait().outcome == run_outcome::cancelled);
  CHECK(!lives(program));
}

#if !defined(__SANITIZE_THREAD__)  // which allows no threads after such a fork
TEST_CASE("a program dies with the server that started it") {
  node here;
  int ends[2];
  REQUIRE(pipe(ends) == 0);
  auto server = fork();
  if (server == 0) {
    auto tell = [&](int32_t, std::string message) { _exit(write(ends[1], message.data(), message.size()) < 0); };
    auto text = "echo \"TROUPE {\\\"progress\\\":0,\\\"message\\\":\\\"$$\\\"}\"; exec sleep 1000";
    auto run = start_run(here.environment, here.shell(text), {tell, [](run_report) { _exit(1); }});
    for (;;) pause();
  }
  close(ends[1]);
  char text[16] = {};
  REQUIRE(read(ends[0], text, sizeof text - 1) > 0);
  close(ends[0]);
  waitpid(server, nullptr, 0);
  auto program = std::stoi(text);
  auto give_up = std::chrono::steady_clock::now() + patience;
  while (lives(program) && std::chrono::steady_clock::now() < give_up) sched_yield();
  CHECK(!lives(program));
}
#endif
