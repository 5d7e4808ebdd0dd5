// Scripts are written into the work folder and handed to their interpreter.
#include "attempt_fixture.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

run_report run_script(const node& here, const std::string& fields) {
  return trial(here.environment, {"job_1", 7, job_kind::script, "{" + fields + "}", 30'000}).wait();
}

}  // namespace

TEST_CASE("a script runs under /bin/sh with its arguments, input and environment") {
  node here;
  auto content = json_text("cat; echo \"$0|$1|$2|$A|$TROUPE_ATTEMPT\"");
  auto report =
      run_script(here, R"("script_content":)" + content + R"(,"script_args":["x y",""],"stdin":"in ","env":{"A":"b"})");
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == "in " + here.work() + "/job_1/7/script|x y||b|7\n");
  CHECK(std::filesystem::is_empty(here.work()));
}

TEST_CASE("a script may name its interpreter and its file") {
  node here;
  auto report = run_script(here, R"("script_interpreter":"sh","script_filename":"main-1.sh","script_content":)" +
                                     json_text("echo ${0##*/}; stat -c %a $0"));
  CHECK(report.stdout_text == "main-1.sh\n700\n");
}

TEST_CASE("a script's limits hold as a program's do") {
  node here;
  auto report = trial(here.environment, {"j", 1, job_kind::script, R"({"script_content":"sleep 1000"})", 200}).wait();
  CHECK(report.error_code == "timeout");
  auto cut = run_script(here, R"("script_content":"echo 12345","output_limit_bytes":3)");
  CHECK(cut.stdout_text == "123");
  CHECK(cut.stdout_truncated);
}

TEST_CASE("a script without its interpreter fails") {
  node here;
  auto report = run_script(here, R"("script_content":"x","script_interpreter":"no-such-interpreter")");
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "not_found");
  CHECK(report.exit_code == 127);
}
