// Real programs, run to their end and beyond their limits.
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <sstream>

#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

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
  for (std::string name :
       {"no-such-program-here", "/no/such/program", "./missing", "/etc/passwd", "/", "/etc/passwd/x"}) {
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
  auto report =
      here.run_shell("head -c 5242880 /dev/zero | tr '\\0' x | tee /dev/stderr", ",\"output_limit_bytes\":1000");
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
  CHECK(mended.stdout_text ==
        "a\xEF\xBF\xBD"
        "b");
  CHECK(!mended.stdout_truncated);
}

TEST_CASE("the environment holds nothing of the server's but the PATH") {
  setenv("A_SECRET_OF_THE_SERVER", "hunter2", 1);
  node here;
  auto report = here.run_shell("env", R"(,"env":{"MINE":"1","LANG":"de","TROUPE_JOB_ID":"forged"})");
  auto work = here.work() + "/job_1/1";
  std::set<std::string> expected{"PATH=" + std::string(getenv("PATH")),
                                 "HOME=" + work,
                                 "TMPDIR=" + work + "/tmp",
                                 "LANG=de",
                                 "MINE=1",
                                 "TROUPE_JOB_ID=job_1",
                                 "TROUPE_ATTEMPT=1",
                                 "TROUPE_ARTIFACTS=" + work + "/artifacts",
                                 "TROUPE_CHECKPOINT_DIR=" + work + "/checkpoint",
                                 "CUDA_VISIBLE_DEVICES=",
                                 "NVIDIA_VISIBLE_DEVICES=",
                                 "PWD=" + work};  // the shell sets PWD
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
  auto text =
      "echo a; echo 'TROUPE {\"progress\":0.25,\"message\":\"quarter\"}'; echo b; "
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
