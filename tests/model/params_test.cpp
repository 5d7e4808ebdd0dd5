// What a stranger may write into `params`, and what is refused with the name of the field.
#include "model/params.hpp"

#include <doctest/doctest.h>

#include "model/limits.hpp"

using namespace troupe;

namespace {

struct bad_input {
  job_kind kind;
  std::string text;
  std::string named;  // must be part of the answer
};

void check_refused(const std::vector<bad_input>& all) {
  for (auto& each : all) {
    CAPTURE(each.text.substr(0, 200));
    auto answer = read_params(each.kind, each.text);
    REQUIRE(std::holds_alternative<failure>(answer));
    auto& why = std::get<failure>(answer);
    CAPTURE(why.detail);
    CHECK((why.code == errc::invalid || why.code == errc::too_large));
    CHECK(why.detail.find(each.named) != std::string::npos);
  }
}

template <class T>
T good(job_kind kind, const std::string& text) {
  auto answer = read_params(kind, text);
  if (auto why = std::get_if<failure>(&answer)) FAIL(why->detail);
  return std::get<T>(std::get<job_params>(answer).by_kind);
}

int64_t timeout_of(const std::string& number) {
  auto answer = read_params(job_kind::noop, R"({"timeout_seconds":)" + number + "}");
  return std::holds_alternative<failure>(answer) ? -1 : std::get<job_params>(answer).timeout_ms;
}

std::string nested(int depth) { return std::string(depth, '[') + std::string(depth, ']'); }

}  // namespace

TEST_CASE("a full process is read field by field") {
  auto all = good<process_params>(job_kind::process, R"({"command":["echo","a b"],"env":{"A":"1","_b2":""},
    "stdin":"hello","timeout_seconds":5,"cpu_seconds":2,"memory_mb":64,"output_limit_bytes":100})");
  CHECK(all.command == std::vector<std::string>{"echo", "a b"});
  CHECK(all.env == std::map<std::string, std::string>{{"A", "1"}, {"_b2", ""}});
  CHECK(all.stdin_text == "hello");
  CHECK(all.cpu_seconds == 2);
  CHECK(all.memory_mb == 64);
  CHECK(all.output_limit_bytes == 100);
}

TEST_CASE("what is left out has its default") {
  auto process = good<process_params>(job_kind::process, R"({"command":["true"]})");
  CHECK(process.output_limit_bytes == limits::output_bytes_default);
  CHECK(process.cpu_seconds == 0);
  CHECK(process.memory_mb == 0);
  auto script = good<script_params>(job_kind::script, R"({"script_content":"exit 0"})");
  CHECK(script.interpreter == "/bin/sh");
  CHECK(script.filename == "script");
  CHECK(good<noop_params>(job_kind::noop, "{}").duration_ms == 0);
  CHECK(std::get<job_params>(read_params(job_kind::noop, "{}")).timeout_ms == limits::timeout_ms_default);
}

TEST_CASE("a full script is read field by field") {
  auto all = good<script_params>(job_kind::script, R"({"script_content":"print 1","script_interpreter":"python3.11",
    "script_args":["x",""],"script_filename":"main.py","env":{"K":"v"},"stdin":"i","memory_mb":7})");
  CHECK(all.content == "print 1");
  CHECK(all.interpreter == "python3.11");
  CHECK(all.filename == "main.py");
  CHECK(all.args == std::vector<std::string>{"x", ""});
  CHECK(all.limits.env.at("K") == "v");
  CHECK(all.limits.stdin_text == "i");
  CHECK(all.limits.memory_mb == 7);
  CHECK(all.limits.command.empty());
}

TEST_CASE("a timeout is a number of seconds, to the millisecond") {
  CHECK(timeout_of("1") == 1000);
  CHECK(timeout_of("0.25") == 250);
  CHECK(timeout_of("1.001") == 1001);
  CHECK(timeout_of("0.001") == 1);
  CHECK(timeout_of("86400") == 86'400'000);
  for (auto bad : {"0", "-1", "0.0001", "86400.001", "1e300", "1e999", "-0.0", "NaN", "Infinity", "\"5\"", "null",
                   "true", "[]", "99999999999999999999999999", "18446744073709551615"}) {
    CAPTURE(bad);
    CHECK(timeout_of(bad) == -1);
  }
}

TEST_CASE("text that is not one JSON object is refused") {
  using enum job_kind;
  check_refused({{process, "", "params"},
                 {process, "null", "params"},
                 {process, "[]", "params"},
                 {process, "\"x\"", "params"},
                 {process, "{", "params"},
                 {process, "{} {}", "params"},
                 {process, R"({"command":["true"],})", "params"},
                 {process, "{\"command\":[\"\xff\"]}", "params"},
                 {process, "{\"command\":[\"\xc0\xaf\"]}", "params"},
                 {process, R"({"command":["\ud800"]})", "params"},
                 {process, R"({"command":)" + nested(100) + "}", "nested"},
                 {inference, R"({"model":"m","prompt":"p","x":)" + nested(200'000) + "}", "nested"},
                 {process, std::string(400'000, '['), "params"},
                 {process, "{\"stdin\":\"" + std::string(limits::body_bytes_max, 'x') + "\"}", "1 MiB"}});
}

TEST_CASE("unknown and repeated fields are refused by name") {
  using enum job_kind;
  check_refused({{process, R"({"command":["true"],"timeout":5})", "params.timeout "},
                 {process, R"({"command":["true"],"script_content":"x"})", "params.script_content"},
                 {script, R"({"script_content":"x","command":["true"]})", "params.command"},
                 {noop, R"({"duration":5})", "params.duration "},
                 {noop, "{\"\xc3\xa4\xc3\xa4\":5}", "(a field)"},
                 {process, R"({"command":["true"],"command":["false"]})", "command twice"},
                 {process, R"({"command":["true"],"env":{"A":"1","A":"2"}})", "A twice"},
                 {inference, R"({"model":"m","prompt":"p","n":1,"n":5})", "n twice"}});
}

TEST_CASE("bad commands are refused") {
  using enum job_kind;
  auto with = [](const std::string& command) { return R"({"command":)" + command + "}"; };
  std::string many = "[\"x\"";
  for (auto i = 0; i < 1000; ++i) many += ",\"x\"";
  auto long_one = "[\"" + std::string(128 * 1024, 'x') + "\"]";
  std::vector<bad_input> all{{process, "{}", "params.command must be a non-empty array of strings"}};
  for (auto& each : {std::string("[]"), std::string("\"ls\""), std::string("null"), std::string("{}"),
                     std::string("[1]"), std::string("[\"\"]"), std::string("[\"a\",\"\"]"),
                     std::string("[\"a\\u0000b\"]"), std::string("[[\"a\"]]"), many + "]", long_one})
    all.push_back({process, with(each), "params.command"});
  check_refused(all);
  CHECK(good<process_params>(process, with("[\"" + std::string(100'000, 'x') + "\"]")).command.size() == 1);
}

TEST_CASE("bad environments and inputs are refused") {
  using enum job_kind;
  std::string many = "{\"A\":\"\"";
  for (auto i = 0; i < 256; ++i) many += ",\"V" + std::to_string(i) + "\":\"\"";
  std::vector<bad_input> all;
  for (auto& env : {std::string("[]"), std::string("\"A=1\""), std::string(R"({"A":1})"), std::string(R"({"A":null})"),
                    std::string(R"({"":"x"})"), std::string(R"({"1A":"x"})"), std::string(R"({"A-B":"x"})"),
                    std::string(R"({"A=B":"x"})"), std::string(R"({"A\u0000":"x"})"), std::string(R"({"A":"x\u0000"})"),
                    many + "}"})
    all.push_back({process, R"({"command":["true"],"env":)" + env + "}", "params.env"});
  all.push_back({process, R"({"command":["true"],"stdin":5})", "params.stdin"});
  all.push_back({script, R"({"script_content":"x","stdin":[]})", "params.stdin"});
  check_refused(all);
}

TEST_CASE("limits are positive integers within bounds") {
  std::vector<bad_input> all;
  for (std::string name : {"cpu_seconds", "memory_mb", "output_limit_bytes"})
    for (std::string value : {"0", "-1", "1.5", "\"1\"", "null", "1e3", "9223372036854775807", "18446744073709551615",
                              "99999999999999999999"}) {
      auto field = ",\"" + name + "\":" + value + "}";
      all.push_back({job_kind::process, R"({"command":["true"])" + field, "params." + name});
      all.push_back({job_kind::script, R"({"script_content":"x")" + field, "params." + name});
    }
  check_refused(all);
}

TEST_CASE("bad scripts are refused") {
  using enum job_kind;
  std::vector<bad_input> all{{script, "{}", "params.script_content"},
                             {script, R"({"script_content":""})", "params.script_content"},
                             {script, R"({"script_content":["x"]})", "params.script_content"},
                             {script, R"({"script_content":")" + std::string(limits::script_bytes_max + 1, 'x') + "\"}",
                              "params.script_content"}};
  for (std::string bad :
       {"\"\"", "\"../sh\"", "\"bin/sh\"", "\"sh -c\"", "\"sh\\u0000\"", "\"/bin/sh\\u0000\"", "\"/\"", "5", "null"})
    all.push_back({script, R"({"script_content":"x","script_interpreter":)" + bad + "}", "params.script_interpreter"});
  for (std::string bad : {"\"\"", "\".\"", "\"..\"", "\"a/b\"", "\"/etc/x\"", "\".hidden\"", "\"a b\"", "\"a\\u0000\"",
                          "\"artifacts\"", "\"tmp\"", "1"})
    all.push_back({script, R"({"script_content":"x","script_filename":)" + bad + "}", "params.script_filename"});
  for (std::string bad : {"\"x\"", "[1]", "[\"a\\u0000\"]", "{}"})
    all.push_back({script, R"({"script_content":"x","script_args":)" + bad + "}", "params.script_args"});
  check_refused(all);
}

TEST_CASE("an inference goes upstream as it came, bounded and not streamed") {
  auto all = good<inference_params>(job_kind::inference, R"({"model":"m","prompt":"hi","stream":true,
    "stream_options":{},"timeout_seconds":3,"temperature":0.5,"logit_bias":{"1":2}})");
  CHECK(all.model == "m");
  CHECK(!all.chat);
  CHECK(all.prompt == "hi");
  CHECK(all.max_tokens == 1000);
  CHECK(all.body == R"({"logit_bias":{"1":2},"max_tokens":1000,"model":"m","prompt":"hi","temperature":0.5})");
}

TEST_CASE("chat messages are counted as their text") {
  auto all = good<inference_params>(job_kind::inference, R"({"model":"m","max_completion_tokens":7,
    "messages":[{"role":"system","content":"be brief"},{"role":"user","content":"hi","name":"x"}]})");
  CHECK(all.chat);
  CHECK(all.prompt == "be brief\nhi\n");
  CHECK(all.max_tokens == 7);
  CHECK(all.body.find("\"max_tokens\"") == std::string::npos);
  CHECK(all.body.find("\"name\":\"x\"") != std::string::npos);
}

TEST_CASE("bad inferences are refused") {
  std::vector<bad_input> all;
  auto add = [&](const std::string& text, const std::string& named) {
    all.push_back({job_kind::inference, text, named});
  };
  add(R"({"prompt":"p"})", "params.model");
  add(R"({"model":"","prompt":"p"})", "params.model");
  add(R"({"model":5,"prompt":"p"})", "params.model");
  add(R"({"model":")" + std::string(257, 'm') + R"(","prompt":"p"})", "params.model");
  add(R"({"model":"m"})", "params.prompt");
  add(R"({"model":"m","prompt":"p","messages":[{"role":"user","content":"x"}]})", "params.prompt");
  add(R"({"model":"m","prompt":["p"]})", "params.prompt");
  add(R"({"model":"m","prompt":""})", "params.prompt");
  for (std::string bad : {"[]", "{}", "\"hi\"", "[\"hi\"]", "[{}]", R"([{"role":"user"}])", R"([{"content":"x"}])",
                          R"([{"role":"","content":"x"}])", R"([{"role":"user","content":null}])",
                          R"([{"role":"user","content":[{"type":"text"}]}])"})
    add(R"({"model":"m","messages":)" + bad + "}", "params.messages");
  for (std::string bad : {"0", "-5", "1000001", "1.5", "\"9\"", "null"})
    add(R"({"model":"m","prompt":"p","max_tokens":)" + bad + "}", "params.max_tokens");
  add(R"({"model":"m","prompt":"p","max_tokens":1,"max_completion_tokens":1})", "params.max_completion_tokens");
  add(R"({"model":"m","prompt":"p","n":2})", "params.n ");
  add(R"({"model":"m","prompt":"p","best_of":3})", "params.best_of");
  add(R"({"model":"m","prompt":"p","timeout_seconds":0})", "params.timeout_seconds");
  check_refused(all);
}

TEST_CASE("a noop may last up to a day") {
  CHECK(good<noop_params>(job_kind::noop, R"({"duration_ms":86400000})").duration_ms == 86'400'000);
  check_refused({{job_kind::noop, R"({"duration_ms":86400001})", "params.duration_ms"},
                 {job_kind::noop, R"({"duration_ms":-1})", "params.duration_ms"},
                 {job_kind::noop, R"({"duration_ms":1.0})", "params.duration_ms"}});
}

TEST_CASE("types without an executor are refused") {
  check_refused({{job_kind::training, R"({"phase_name":"x"})", "no executor"}});
}

TEST_CASE("a docker job names an image, and gets no network unless it asks") {
  auto least = good<docker_params>(job_kind::docker, R"({"docker_image":"busybox"})");
  CHECK(least.image == "busybox");
  CHECK(least.network == "none");
  CHECK(least.command.empty());
  CHECK(least.gpus == 0);
  auto most = good<docker_params>(
      job_kind::docker,
      R"({"docker_image":"reg.example:5000/a/b_c:1.0@sha256:ab","docker_command":["a",""],"docker_env_vars":{"K":"v"},
          "docker_gpus":2,"docker_cpus":4,"memory_mb":512,"docker_network":"bridge","timeout_seconds":5})");
  CHECK(most.command == std::vector<std::string>{"a", ""});
  CHECK(most.env.at("K") == "v");
  CHECK(most.gpus == 2);
  CHECK(most.cpus == 4);
  CHECK(most.memory_mb == 512);
  CHECK(most.network == "bridge");
}

TEST_CASE("a docker job with a mistake is refused by the field's name") {
  std::vector<bad_input> all;
  auto add = [&](const std::string& text, const std::string& field) { all.push_back({job_kind::docker, text, field}); };
  for (auto image : {"", "-x", "../x", "a b", "a?b=c", "a%2f"})
    add(R"({"docker_image":")" + std::string(image) + "\"}", "params.docker_image");
  add("{}", "params.docker_image");
  add(R"({"docker_image":7})", "params.docker_image");
  add(R"({"docker_image":")" + std::string(513, 'x') + "\"}", "params.docker_image");
  add(R"({"docker_image":"x","docker_command":"sh"})", "params.docker_command");
  add(R"({"docker_image":"x","docker_env_vars":{"A":1}})", "params.docker_env_vars");
  add(R"({"docker_image":"x","docker_env_vars":["A=1"]})", "params.docker_env_vars");
  add(R"({"docker_image":"x","docker_gpus":-1})", "params.docker_gpus");
  add(R"({"docker_image":"x","docker_gpus":"all"})", "params.docker_gpus");
  add(R"({"docker_image":"x","docker_gpus":65})", "params.docker_gpus");
  add(R"({"docker_image":"x","docker_network":"host"})", "params.docker_network");
  add(R"({"docker_image":"x","memory_mb":1})", "params.memory_mb");
  add(R"({"docker_image":"x","docker_cpus":0})", "params.docker_cpus");
  add(R"({"docker_image":"x","volumes":["/:/host"]})", "params.volumes");
  check_refused(all);
}
