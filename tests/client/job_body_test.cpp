// Flags to the body of a job.
#include "client/job_body.hpp"

#include <doctest/doctest.h>
#include <unistd.h>

#include <cstdio>
#include <fstream>

using namespace troupe::client;

namespace {

/// A file that is gone after the test.
struct temporary_file {
  std::string path = "/tmp/troupe-client-XXXXXX";
  explicit temporary_file(const std::string& text) {
    close(mkstemp(path.data()));
    std::ofstream(path) << text;
  }
  ~temporary_file() { std::remove(path.c_str()); }
};

job_flags command_flags() {
  job_flags f;
  f.command = {"/bin/echo", "-n", "hi"};
  return f;
}

}  // namespace

TEST_CASE("a command alone makes a process job named after its program") {
  CHECK(job_body(command_flags()) ==
        json::parse(R"({"type":"process","name":"echo","params":{"command":["/bin/echo","-n","hi"]}})"));
}

TEST_CASE("a file alone makes a script job") {
  temporary_file script("echo hi\n");
  job_flags f;
  f.script_file = script.path;
  f.interpreter = "sh";
  f.timeout_seconds = 60;
  auto body = job_body(f);
  CHECK(body["type"] == "script");
  CHECK(body["name"] == script.path.substr(5));
  CHECK(body["params"] ==
        json::parse(R"({"script_content":"echo hi\n","script_interpreter":"sh","timeout_seconds":60})"));
}

TEST_CASE("needs are sent as given, money as text, and nothing that was not said") {
  auto f = command_flags();
  f.gpu_type = "nvidia-tesla-a100";
  f.gpu_count = 2;
  f.vram_mb = 40960;
  f.region = "eu";
  f.max_price = "2.50";
  f.priority = 0;
  f.max_attempts = 1;
  f.labels = {"team=blue", "eq=a=b", "empty="};
  f.tags = {"x", "y"};
  auto body = job_body(f);
  body.erase("params");
  CHECK(body == json::parse(R"({"type":"process","name":"echo","gpu_type":"nvidia-tesla-a100","gpu_count":2,
    "vram_mb":40960,"region":"eu","max_price_per_hour":"2.50","priority":0,"max_attempts":1,
    "labels":{"team":"blue","eq":"a=b","empty":""},"tags":["x","y"]})"));
}

TEST_CASE("flags are put on top of a body from a file and of params") {
  temporary_file file(R"({"type":"noop","name":"n","params":{"duration_ms":5},"labels":{"a":"1"},"run_at":"later"})");
  job_flags f;
  f.body_file = file.path;
  f.name = "other";
  f.params = R"({"duration_ms":7})";
  f.labels = {"b=2"};
  CHECK(job_body(f) == json::parse(R"({"type":"noop","name":"other","params":{"duration_ms":7},
    "labels":{"a":"1","b":"2"},"run_at":"later"})"));
}

TEST_CASE("what cannot become a job is refused before it is sent") {
  CHECK_THROWS_AS(job_body({}), bad_usage);
  auto both = command_flags();
  both.script_file = "x";
  CHECK_THROWS_AS(job_body(both), bad_usage);
  auto params = command_flags();
  params.params = "[1]";
  CHECK_THROWS_AS(job_body(params), bad_usage);
  auto label = command_flags();
  label.labels = {"=x"};
  CHECK_THROWS_AS(job_body(label), bad_usage);
  job_flags missing;
  missing.script_file = "/no/such/file";
  CHECK_THROWS_WITH_AS(job_body(missing), "cannot read the file \"/no/such/file\"", bad_usage);
  temporary_file broken("{\"type\":");
  job_flags body;
  body.body_file = broken.path;
  CHECK_THROWS_AS(job_body(body), bad_usage);
}
