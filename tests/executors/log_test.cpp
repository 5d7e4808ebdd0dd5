// What programs write is told while they run; files at the end; and every stream is closed once, however it ended.
#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

const std::vector<std::string> both{"stdout", "stderr"};
const std::vector<std::string> both_by_name{"stderr", "stdout"};

}  // namespace

TEST_CASE("output is told while the program runs, without its progress lines, and closed at its end") {
  node here;
  auto gate = here.folder.path() + "/gate";
  trial attempt(here.environment, here.shell("echo one; echo 'TROUPE {\"progress\":0.5}'; echo bad >&2; "
                                             "while [ ! -e " +
                                             gate + " ]; do sleep 0.02; done; printf two"));
  attempt.wait_for_output("stdout", "one\n");
  attempt.wait_for_output("stderr", "bad\n");
  CHECK(attempt.closed().empty());
  std::ofstream{gate};
  auto report = attempt.wait();
  CHECK(attempt.written()["stdout"] == report.stdout_text);
  CHECK(report.stdout_text == "one\ntwo");
  CHECK(attempt.closed() == both);
}

TEST_CASE("no more is told than the output's limit, and then the stream is closed all the same") {
  node here;
  trial attempt(here.environment, here.shell("head -c 5000 /dev/zero | tr '\\0' x", R"(,"output_limit_bytes":1000)"));
  CHECK(attempt.wait().stdout_truncated);
  CHECK(attempt.written()["stdout"] == std::string(1000, 'x'));
  CHECK(attempt.closed() == both);
}

TEST_CASE("what never began closes its streams, too") {
  node here;
  for (auto* params : {R"({"command":["no-such-program-here"]})", R"({"command":[]})"}) {
    trial attempt(here.environment, {"j", 1, job_kind::process, params, 5'000});
    attempt.wait();
    CHECK(attempt.closed() == both_by_name);
    CHECK(attempt.written()["stdout"] == "");
  }
}

TEST_CASE("a cancelled program's last words are told") {
  node here;
  trial attempt(here.environment, here.shell("trap 'echo bye; exit' TERM; echo hi; while :; do sleep 0.02; done"));
  attempt.wait_for_output("stdout", "hi\n");
  attempt.cancel();
  attempt.wait();
  CHECK(attempt.written()["stdout"] == "hi\nbye\n");
  CHECK(attempt.closed() == both);
}

TEST_CASE("artifacts follow, as many as fit: one that does not stays behind") {
  node here;
  here.environment.artifact_bytes_max = 300'010;
  trial attempt(here.environment,
                here.shell("cd $TROUPE_ARTIFACTS; head -c 300000 /dev/zero > a; head -c 11 /dev/zero > b; "
                           "printf 0123456789 > c; : > d"));
  auto report = attempt.wait();
  REQUIRE(report.artifacts.size() == 4);
  auto written = attempt.written();
  CHECK(written["file:a"].size() == 300'000);
  CHECK(written["file:c"] == "0123456789");
  CHECK(attempt.closed() == std::vector<std::string>{"stdout", "stderr", "file:a", "file:c", "file:d"});
}
