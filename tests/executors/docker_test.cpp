// Docker jobs against an engine that is none: the protocol, and what may go wrong on the way.
#include "executors/docker.hpp"

#include <nlohmann/json.hpp>

#include "executors/stream_frames.hpp"
#include "fake_engine.hpp"

using namespace troupe;
using namespace troupe::testing;
using json = nlohmann::json;

namespace {

struct docker_node : node {
  docker_node() { environment.docker_socket = engine.path(); }

  run_request ask(const std::string& more = {}) const {
    return {"job_1", 7, job_kind::docker, R"({"docker_image":"busybox")" + more + "}", 30'000};
  }
  run_report run(const std::string& more = {}) { return trial(environment, ask(more)).wait(); }
  json created() {
    auto request = engine.asked("/containers/create?name=troupe-job_1-7");
    return json::parse(request.substr(request.find("\r\n\r\n") + 4));
  }
  bool removed() { return !engine.asked("DELETE /containers/troupe-job_1-7?force=1").empty(); }

  fake_engine engine;
};

}  // namespace

TEST_CASE("a container's output, progress and end are reported, and it is removed") {
  docker_node here;
  here.engine.end(0, frame(1, "TROUPE {\"progress\":0.5}\nhel") + frame(2, "warning\n") + frame(1, "lo\n"));
  trial attempt(here.environment, here.ask());
  auto report = attempt.wait();
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.stdout_text == "hello\n");
  CHECK(report.stderr_text == "warning\n");
  CHECK(report.exit_code == 0);
  REQUIRE(attempt.progress().size() == 1);
  CHECK(attempt.progress()[0].ppm == 500'000);
  CHECK(here.removed());
}

TEST_CASE("the engine is told the command, the limits and whose container it is, and no network") {
  docker_node here;
  here.engine.end(0);
  auto ask =
      here.ask(R"(,"docker_command":["sh","-c","a b"],"docker_env_vars":{"A":"1"},"memory_mb":64,"docker_cpus":2)");
  CHECK(trial(here.environment, ask).wait().outcome == run_outcome::succeeded);
  auto all = here.created();
  CHECK(all["Image"] == "busybox");
  CHECK(all["Cmd"] == json{"sh", "-c", "a b"});
  auto has = [&](const std::string& setting) {
    auto& env = all["Env"];
    return std::find(env.begin(), env.end(), setting) != env.end();
  };
  CHECK(has("A=1"));
  CHECK(has("TROUPE_JOB_ID=job_1"));
  CHECK(has("NVIDIA_VISIBLE_DEVICES=void"));
  CHECK(all["Labels"]["troupe.job"] == "job_1");
  CHECK(all["Labels"]["troupe.epoch"] == "7");
  auto& host = all["HostConfig"];
  CHECK(host["NetworkMode"] == "none");
  CHECK(host["Memory"] == 64 << 20);
  CHECK(host["MemorySwap"] == 64 << 20);
  CHECK(host["NanoCpus"] == 2'000'000'000);
  CHECK(host["PidsLimit"] == 4096);
  CHECK(!host.contains("DeviceRequests"));
}

TEST_CASE("a container gets the devices that were chosen for it, and no others") {
  docker_node here;
  here.engine.end(0);
  auto ask = here.ask(R"(,"docker_gpus":2)");
  ask.devices = "GPU-a,GPU-b";
  trial(here.environment, ask).wait();
  auto wish = here.created()["HostConfig"]["DeviceRequests"][0];
  CHECK(wish["DeviceIDs"] == json{"GPU-a", "GPU-b"});
  CHECK(wish["Capabilities"][0][0] == "gpu");
}

TEST_CASE("output is told as it comes, an exit code fails the job, and memory beyond the limit has a word of its own") {
  docker_node here;
  here.engine.end(3, frame(1, "so far\n"));
  auto report = here.run();
  CHECK(report.error_code == "exit_code");
  CHECK(report.exit_code == 3);
  CHECK(report.stdout_text == "so far\n");

  docker_node told;
  told.engine.end(0, frame(1, "out\n") + frame(2, "err\n"));
  trial attempt(told.environment, told.ask());
  attempt.wait();
  CHECK(attempt.written()["stdout"] == "out\n");
  CHECK(attempt.written()["stderr"] == "err\n");
  CHECK(attempt.closed() == std::vector<std::string>{"stdout", "stderr"});

  docker_node tight;
  tight.engine.answer("GET json", 200, R"({"State":{"OOMKilled":true}})");
  tight.engine.end(137);
  report = tight.run(R"(,"memory_mb":64)");
  CHECK(report.error_code == "memory_limit");
  CHECK(report.exit_code == 137);
}

TEST_CASE("a cancel ends a container by SIGTERM, and by SIGKILL after the grace") {
  docker_node here;
  trial attempt(here.environment, here.ask());
  here.engine.wait_for("/logs");
  attempt.cancel();
  CHECK(attempt.wait().outcome == run_outcome::cancelled);
  CHECK(here.removed());

  docker_node deaf;
  deaf.engine.ignore_signals(true, false);
  deaf.environment.kill_grace_ms = 50;
  trial second(deaf.environment, deaf.ask());
  deaf.engine.wait_for("/logs");
  second.cancel();
  auto report = second.wait();
  CHECK(report.outcome == run_outcome::cancelled);
  CHECK(report.exit_code == 137);
  CHECK(deaf.removed());
}

TEST_CASE("the wall clock ends a container") {
  docker_node here;
  auto ask = here.ask();
  ask.timeout_ms = 300;
  auto report = trial(here.environment, ask).wait();
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "timeout");
  CHECK(report.exit_code == 137);
  CHECK(report.ran_ms >= 200);
  CHECK(here.removed());
}

TEST_CASE("an image that is not there is pulled, with its latest tag when none is named") {
  docker_node here;
  here.engine.answer("POST /containers/create", 404, R"({"message":"No such image: busybox"})");
  here.engine.end(0);
  CHECK(here.run().outcome == run_outcome::succeeded);
  CHECK(!here.engine.asked("POST /images/create?fromImage=busybox&tag=latest").empty());
}

TEST_CASE("an image that nobody has is the job's fault, a registry that is away the node's") {
  docker_node here;
  here.engine.answer("POST /containers/create", 404, "{}");
  here.engine.answer("POST /images/create", 404, R"({"message":"pull access denied"})");
  auto report = here.run();
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "not_found");
  CHECK(report.error_message == "pull access denied");

  docker_node away;
  away.engine.answer("POST /containers/create", 404, "{}");
  away.engine.answer("POST /images/create", 500, R"({"message":"no route to host"})");
  CHECK(away.run().outcome == run_outcome::node_fault);
}

TEST_CASE("a program that the image does not have is the job's fault, everything else about the start the node's") {
  docker_node here;
  here.engine.answer("POST start", 400, R"({"message":"exec: \"nope\": not found"})");
  auto report = here.run();
  CHECK(report.error_code == "not_found");
  CHECK(report.exit_code == 127);
  CHECK(here.removed());

  docker_node broken;
  broken.engine.answer("POST start", 500, "rubbish");
  report = broken.run();
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.error_message == "the engine answered 500");
  CHECK(broken.removed());
}

TEST_CASE("a container that a crash left under the name of this attempt is replaced") {
  docker_node here;
  here.engine.answer("POST /containers/create", 409, R"({"message":"name in use"})");
  here.engine.end(0);
  CHECK(here.run().outcome == run_outcome::succeeded);
}

TEST_CASE("an engine that goes away while a container runs is the node's fault") {
  docker_node here;
  trial attempt(here.environment, here.ask());
  here.engine.wait_for("/wait");
  here.engine.vanish();
  auto report = attempt.wait();
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.error_code == "docker");
}

TEST_CASE("an engine's end that makes no sense is not taken for success") {
  docker_node here;
  here.engine.answer("POST /containers/create", 201, "rubbish");  // its name is ours, its answer does not matter
  here.engine.end(0, "no frame at all, and far too long a length");
  CHECK(here.run().stdout_text == "");
}

TEST_CASE("a node without an engine refuses, and one whose socket is dead says so") {
  node here;
  run_request ask{"j", 1, job_kind::docker, R"({"docker_image":"x"})", 5'000};
  CHECK(trial(here.environment, ask).wait().outcome == run_outcome::node_fault);
  here.environment.docker_socket = here.folder.path() + "/nobody.sock";
  auto report = trial(here.environment, ask).wait();
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.error_message.find("does not answer") != std::string::npos);
}

TEST_CASE("containers of an earlier life are found by their label and removed") {
  fake_engine engine;
  engine.answer("GET /containers/json", 200, R"([{"Id":"aa"},{"Id":"bb"},{"id":1},7])");
  CHECK(remove_leftover_containers(engine.path(), "/work/one") == 2);
  CHECK(engine.asked("GET /containers/json?all=1&filters=").find("troupe.node") != std::string::npos);
  CHECK(!engine.asked("DELETE /containers/bb?force=1").empty());
  engine.answer("GET /containers/json", 500, "rubbish");
  CHECK(remove_leftover_containers(engine.path(), "/work/one") == 0);
}

TEST_CASE("frames of two streams are told apart, however they are cut") {
  auto whole = frame(1, "one") + frame(2, "two") + frame(1, "") + frame(0, "stdin") + frame(1, "three");
  for (size_t step = 1; step <= whole.size(); ++step) {
    std::string out, err;
    stream_frames frames([&](bool is_stdout, std::string_view bytes) { (is_stdout ? out : err) += bytes; });
    for (size_t at = 0; at < whole.size(); at += step) frames.add(std::string_view(whole).substr(at, step));
    CHECK(out == "onethree");
    CHECK(err == "two");
  }
}
