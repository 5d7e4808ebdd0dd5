// Real programs, run to their end and beyond their limits.
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "attempt_fixture.hpp"
#include "config/world.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

void check_clean(const node& here) {
  CAPTURE(here.work());
  CHECK(std::filesystem::is_empty(here.work()));
}

std::set<std::string> lines_of(const std::string& text) {
  std::set<std::string> all;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) all.insert(line);
  return all;
}

}  // namespace

TEST_CASE("a program's output and exit are reported") {
  node here;
  auto report = here.run_shell("echo out; echo err >&2");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.exit_code == 0);
  CHECK(report.stdout_text == "out\n");
  CHECK(report.stderr_text == "err\n");
  CHECK(!report.stdout_truncated);
  CHECK(!report.stderr_truncated);
  CHECK(report.error_code == "");
  check_clean(here);
}

TEST_CASE("a program that ends with another exit code has failed") {
  node here;
  auto report = here.run_shell("echo so far; exit 7");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.exit_code == 7);
  CHECK(report.error_code == "exit_code");
  CHECK(report.error_message == "the program ended with exit code 7");
  CHECK(report.stdout_text == "so far\n");
}

TEST_CASE("a program that a signal ends has failed") {
  node here;
  auto report = here.run_shell("kill -SEGV $$");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.exit_code == 139);
  CHECK(report.error_code == "exit_code");
  CHECK(report.error_message == "the program was ended by signal 11");
}

TEST_CASE("arguments reach the program as they are") {
  node here;
  run_request ask{"j", 1, job_kind::process, R"({"command":["printf","%s|","a b","$HOME","*","ä"]})", 5'000};
  CHECK(trial(here.environment, ask).wait().stdout_text == "a b|$HOME|*|ä|");
}

TEST_CASE("a program that is not there fails without a second try") {
  node here;
  for (std::string name : {"no-such-program-here", "/no/such/program", "./missing", "/etc/passwd", "/", "/etc/passwd/x"}) {
    CAPTURE(name);
    run_request ask{"j", 1, job_kind::process, R"({"command":[)" + json_text(name) + "]}", 5'000};
    auto report = trial(here.environment, ask).wait();
    CHECK(report.outcome == run_outcome::failed);
    CHECK(report.error_code == "not_found");
    CHECK(report.exit_code == 127);
    CHECK(report.error_message.find(name) != std::string::npos);
  }
  check_clean(here);
}

TEST_CASE("bad params are a report") {
  node here;
  auto report = trial(here.environment, {"j", 1, job_kind::process, R"({"command":[]})", 5'000}).wait();
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "invalid");
  CHECK(report.error_message == "params.command must be a non-empty array of strings");
}

TEST_CASE("a node that cannot make the work folder is at fault itself") {
  node here;
  std::ofstream(here.work()) << "a file in the way";
  auto report = here.run_shell("true");
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.error_code == "node_error");
}

TEST_CASE("ids that are paths are refused") {
  node here;
  for (std::string id : {"../evil", "a/b", ".", "..", "a.b", ""}) {
    CAPTURE(id);
    auto ask = here.shell("true");
    ask.job_id = id;
    auto report = trial(here.environment, ask).wait();
    CHECK(report.outcome == run_outcome::node_fault);
    CHECK(report.error_code == "node_error");
  }
  CHECK(here.folder.empty());
}

TEST_CASE("a mebibyte of input goes through cat") {
  node here;
  std::string text;
  while (text.size() < 1'000'000) text += "line " + std::to_string(text.size()) + ";";
  run_request ask{"j", 1, job_kind::process, R"({"command":["cat"],"stdin":)" + json_text(text) + "}", 30'000};
  auto report = trial(here.environment, ask).wait();
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK((report.stdout_text == text));  // too long to be printed
}

TEST_CASE("a program that does not read its input is not held up") {
  node here;
  auto report = here.run_shell("exec <&-; echo done", ",\"stdin\":" + json_text(std::string(900'000, 'x')));
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == "done\n");
}

TEST_CASE("without stdin the input is empty") {
  node here;
  CHECK(here.run_shell("wc -c").stdout_text == "0\n");
}

TEST_CASE("five mebibytes of output are cut at the limit, on both streams") {
  node here;
  auto report = here.run_shell("head -c 5242880 /dev/zero | tr '\\0' x | tee /dev/stderr", ",\"output_limit_bytes\":1000");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == std::string(1000, 'x'));
  CHECK(report.stderr_text == std::string(1000, 'x'));
  CHECK(report.stdout_truncated);
  CHECK(report.stderr_truncated);
}

TEST_CASE("output is cut between characters and always UTF-8") {
  node here;
  auto cut = here.run_shell("printf 'a\\303\\244b'", ",\"output_limit_bytes\":2");
  CHECK(cut.stdout_text == "a");
  CHECK(cut.stdout_truncated);
  auto mended = here.run_shell("printf 'a\\377b'");
  CHECK(mended.stdout_text == "a\xEF\xBF\xBD" "b");
  CHECK(!mended.stdout_truncated);
}

TEST_CASE("the environment holds nothing of the server's but the PATH") {
  setenv("A_SECRET_OF_THE_SERVER", "hunter2", 1);
  node here;
  auto report = here.run_shell("env", R"(,"env":{"MINE":"1","LANG":"de","TROUPE_JOB_ID":"forged"})");
  auto work = here.work() + "/job_1/1";
  std::set<std::string> expected{"PATH=" + std::string(getenv("PATH")), "HOME=" + work, "TMPDIR=" + work + "/tmp",
                                 "LANG=de", "MINE=1", "TROUPE_JOB_ID=job_1", "TROUPE_ATTEMPT=1",
                                 "TROUPE_ARTIFACTS=" + work + "/artifacts", "PWD=" + work};  // the shell sets PWD
  auto got = lines_of(report.stdout_text);
  got.erase("_=/usr/bin/env");
  CHECK(got == expected);
}

TEST_CASE("the program inherits no descriptor") {
  auto leaked = open("/dev/null", O_RDONLY);
  REQUIRE(leaked >= 0);
  node here;
  run_request ask{"j", 1, job_kind::process, R"({"command":["ls","/proc/self/fd"]})", 5'000};
  CHECK(trial(here.environment, ask).wait().stdout_text == "0\n1\n2\n3\n");  // 3: the listed folder itself
  close(leaked);
}

TEST_CASE("the program has no core dump and a session of its own") {
  node here;
  auto report = here.run_shell("ulimit -c; awk '{print ($1 == $5) ($1 == $6)}' /proc/$$/stat");
  CHECK(report.stdout_text == "0\n11\n");
}

TEST_CASE("the program starts with no signal blocked or ignored") {
  auto before = signal(SIGPIPE, SIG_IGN);
  node here;
  run_request ask{"j", 1, job_kind::process, R"({"command":["grep","Sig[BI]","/proc/self/status"]})", 5'000};
  auto report = trial(here.environment, ask).wait();
  CHECK(report.stdout_text == "SigBlk:\t0000000000000000\nSigIgn:\t0000000000000000\n");
  signal(SIGPIPE, before);
}

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
  auto report = here.run_shell("head -c 400000000 /dev/zero | tail -c 300000000 | (sleep 1000; cat)",
                               R"(,"memory_mb":64)");
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
  trial one(here.environment, here.shell("echo \"TROUPE {\\\"progress\\\":0,\\\"message\\\":\\\"$$\\\"}\"; sleep 1000"));
  auto program = std::stoi(one.wait_for_progress().message);
  one.destroy();
  CHECK(one.reports() == 1);
  CHECK(one.wait().outcome == run_outcome::cancelled);
  CHECK(!lives(program));
}

TEST_CASE("a background child neither holds up the end nor outlives it") {
  node here;
  auto report = here.run_shell("sleep 1000 & echo $!; timeout 1000 sleep 999 & echo $!");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.ran_ms < 10'000);
  std::istringstream ids(report.stdout_text);
  pid_t first = 0, second = 0;
  REQUIRE((ids >> first >> second));
  CHECK(!lives(first));
  CHECK(!lives(second));
}

TEST_CASE("progress lines are reported and left out of the output") {
  node here;
  auto text = "echo a; echo 'TROUPE {\"progress\":0.25,\"message\":\"quarter\"}'; echo b; "
              "echo 'TROUPE {\"progress\":2}'; echo 'TROUPE {\"progress\":0.125}'; printf 'TROUPE {\"progress\":1}'";
  trial one(here.environment, here.shell(text));
  CHECK(one.wait().stdout_text == "a\nb\nTROUPE {\"progress\":2}\n");
  auto all = one.progress();
  REQUIRE(!all.empty());
  CHECK(std::is_sorted(all.begin(), all.end(), [](auto& a, auto& b) { return a.ppm < b.ppm; }));
  CHECK(all.back().ppm == 1'000'000);
}

TEST_CASE("a flood of progress is thinned out and its last value told") {
  node here;
  auto text = "awk 'BEGIN { for (i = 1; i <= 20000; i++) printf \"TROUPE {\\\"progress\\\":%.5f}\\n\", i / 20000 }'";
  trial one(here.environment, here.shell(text));
  auto report = one.wait();
  CHECK(report.stdout_text == "");
  auto all = one.progress();
  REQUIRE(!all.empty());
  CHECK(static_cast<int64_t>(all.size()) <= report.ran_ms / 100 + 2);
  CHECK(all.back().ppm == 1'000'000);
}

TEST_CASE("artifacts are listed and kept, and nothing else is") {
  node here;
  auto report = here.run_shell("cd $TROUPE_ARTIFACTS && mkdir -p deep/er && printf hello > deep/er/b.txt && : > a.bin && "
                               "ln -s /etc/passwd link && ln -s /etc dir && mkfifo pipe && echo x > ../scratch && "
                               "printf x > \"$(printf 'bad\\377name')\"; exit 3");
  CHECK(report.error_code == "exit_code");
  REQUIRE(report.artifacts.size() == 2);
  CHECK(report.artifacts[0].name == "a.bin");
  CHECK(report.artifacts[0].bytes == 0);
  CHECK(report.artifacts[1].name == "deep/er/b.txt");
  CHECK(report.artifacts[1].bytes == 5);
  CHECK(report.artifacts[1].sha256 == "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824");
  auto kept = here.work() + "/job_1/1";
  CHECK(read_file(kept + "/artifacts/deep/er/b.txt") == "hello");
  std::set<std::string> left;
  for (auto& each : std::filesystem::recursive_directory_iterator(kept)) left.insert(each.path().filename());
  CHECK(left == std::set<std::string>{"artifacts", "a.bin", "deep", "er", "b.txt"});
}

TEST_CASE("at most a thousand artifacts are kept") {
  node here;
  auto report = here.run_shell("cd $TROUPE_ARTIFACTS; i=0; while [ $i -lt 1010 ]; do i=$((i+1)); : > f$i; done");
  CHECK(report.artifacts.size() == 1000);
}

TEST_CASE("a link in the place of the artifacts folder is not followed") {
  node here;
  auto report = here.run_shell("rmdir $TROUPE_ARTIFACTS && ln -s /etc $TROUPE_ARTIFACTS");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.artifacts.empty());
  CHECK(std::filesystem::exists("/etc/passwd"));
  check_clean(here);
}

TEST_CASE("the folder goes even if the program locked it, and a crash's rest with it") {
  node here;
  std::filesystem::create_directories(here.work() + "/job_1/1/old");
  auto report = here.run_shell("ls; mkdir -p locked/in; chmod 000 locked; chmod 500 .");
  CHECK(report.stdout_text == "artifacts\ntmp\n");
  check_clean(here);
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
