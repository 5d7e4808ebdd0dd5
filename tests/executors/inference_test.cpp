// Model calls against a server on loopback, good and bad.
#include "executors/completion.hpp"
#include "model_server.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

constexpr auto good_answer = R"({"choices":[{"text":"four","finish_reason":"stop"}],
  "usage":{"prompt_tokens":5,"completion_tokens":1}})";
constexpr auto prompt = R"({"model":"tiny","prompt":"two and two"})";
constexpr auto chat = R"({"model":"tiny","messages":[{"role":"user","content":"hi there"}],"stream":true})";

run_request ask(const std::string& params, int64_t timeout_ms = 20'000) {
  return {"job_1", 1, job_kind::inference, params, timeout_ms};
}

run_environment served_at(const std::string& url) { return {"/nonexistent", {{"tiny", url}}, 2'000}; }

run_report run_against(const std::string& answer, const std::string& params = prompt) {
  model_server server(answer);
  return trial(served_at(server.url()), ask(params)).wait();
}

std::string first_line(const std::string& text) { return text.substr(0, text.find('\r')); }

}  // namespace

TEST_CASE("a prompt is completed and counted") {
  model_server server(http(200, good_answer));
  auto report = trial(served_at(server.url()), ask(prompt)).wait();
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.text == "four");
  CHECK(report.finish_reason == "stop");
  CHECK(report.prompt_tokens == 5);
  CHECK(report.completion_tokens == 1);
  auto request = server.wait_for_request();
  CHECK(first_line(request) == "POST /v1/completions HTTP/1.1");
  CHECK(request.find("Content-Type: application/json\r\n") != std::string::npos);
  CHECK(request.substr(request.find("\r\n\r\n") + 4) == R"({"max_tokens":1000,"model":"tiny","prompt":"two and two"})");
}

TEST_CASE("a chat is completed: missing usage is estimated") {
  model_server server(http(200, R"({"choices":[{"message":{"role":"assistant","content":"hello"}}]})"));
  auto report = trial(served_at(server.url("/")), ask(chat)).wait();
  CHECK(report.outcome == run_outcome::succeeded);
  CHECK(report.text == "hello");
  CHECK(report.finish_reason == "");
  CHECK(report.prompt_tokens == 3);  // "hi there\n": 9 bytes
  CHECK(report.completion_tokens == 2);
  auto request = server.wait_for_request();
  CHECK(first_line(request) == "POST /v1/chat/completions HTTP/1.1");
  CHECK(request.find("stream") == std::string::npos);
}

TEST_CASE("cached tokens are read in either dialect, and are never more than the prompt's") {
  auto cached = [](const std::string& usage) {
    auto body = R"({"choices":[{"text":"x"}],"usage":)" + usage + "}";
    return run_against(http(200, body)).cached_tokens;
  };
  CHECK(cached(R"({"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4}})") == 4);
  CHECK(cached(R"({"prompt_tokens":9,"cache_read_input_tokens":5})") == 5);
  CHECK(cached(R"({"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":4},"cache_read_input_tokens":5})") == 4);
  CHECK(cached(R"({"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":99}})") == 9);
  CHECK(cached(R"({"prompt_tokens_details":{"cached_tokens":1000}})") == 3);  // of an estimated prompt
  for (auto odd : {R"({"prompt_tokens":9})", R"({"prompt_tokens":9,"prompt_tokens_details":null})",
                   R"({"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":-4}})",
                   R"({"prompt_tokens":9,"prompt_tokens_details":{"cached_tokens":"4"}})",
                   R"({"prompt_tokens":9,"prompt_tokens_details":[4]})", "null", "5"})
    CHECK(cached(odd) == 0);
}

TEST_CASE("a base URL may end in /v1") {
  for (std::string base : {"/v1", "/v1/", "/some/v1"}) {
    model_server server(http(200, good_answer));
    trial(served_at(server.url(base)), ask(prompt)).wait();
    auto path = base.substr(0, base.find("v1") + 2);
    CHECK(first_line(server.wait_for_request()) == "POST " + path + "/completions HTTP/1.1");
  }
}

TEST_CASE("a server in trouble is the node's fault") {
  for (auto status : {500, 502, 503, 429, 301}) {
    CAPTURE(status);
    auto report = run_against(http(status, R"({"error":{"message":"overloaded"}})"));
    CHECK(report.outcome == run_outcome::node_fault);
    CHECK(report.error_code == "upstream");
    CHECK(report.error_message == "the model server answered " + std::to_string(status));
  }
}

TEST_CASE("a refused request is the job's fault and says why") {
  auto report = run_against(http(400, R"({"error":{"message":"context\ntoo long"}})"));
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "upstream");
  CHECK(report.error_message == "the model server answered 400: context too long");
  CHECK(run_against(http(404, "no JSON")).error_message == "the model server answered 404");
}

TEST_CASE("the answer to a bad credential is not passed on") {
  auto report = run_against(http(401, R"({"error":{"message":"Incorrect API key: sk-secret"}})"));
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_message == "the model server answered 401");
}

TEST_CASE("garbage instead of an answer is the node's fault") {
  for (std::string answer : {http(200, "<html>"), http(200, "{}"), http(200, R"({"choices":[]})"),
                             http(200, R"({"choices":[{"text":5}]})"), http(200, ""), std::string("gibberish\r\n\r\n"),
                             std::string("HTTP/1.1 200 OK\r\nContent-Length: 500\r\n\r\n{\"cho")}) {
    CAPTURE(answer);
    auto report = run_against(answer);
    CHECK(report.outcome == run_outcome::node_fault);
    CHECK(report.error_code == "upstream");
  }
}

TEST_CASE("an answer beyond 8 MiB is refused") {
  auto report = run_against(http(200, R"({"choices":[{"text":")" + std::string(9 << 20, 'x') + "\"}]}"));
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "upstream");
  CHECK(report.text == "");
}

TEST_CASE("nobody at the address is the node's fault, and the address stays untold") {
  std::string url;
  {
    model_server gone(http(200, good_answer));
    url = "http://user:pa55@" + gone.url().substr(7);
  }
  auto report = trial(served_at(url), ask(prompt)).wait();
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.error_code == "upstream");
  CHECK(report.error_message.find("pa55") == std::string::npos);
}

TEST_CASE("a model that this node does not serve is the node's fault") {
  auto report = trial(served_at("http://127.0.0.1:1"), ask(R"({"model":"other","prompt":"x"})")).wait();
  CHECK(report.outcome == run_outcome::node_fault);
  CHECK(report.error_code == "upstream");
}

TEST_CASE("an answer that does not come in time is a timeout") {
  model_server server("");
  auto report = trial(served_at(server.url()), ask(prompt, 200)).wait();
  CHECK(report.outcome == run_outcome::failed);
  CHECK(report.error_code == "timeout");
  CHECK(report.ran_ms >= 199);
  CHECK(server.wait_until_left());
}

TEST_CASE("cancelling leaves a slow server at once") {
  model_server server("");
  trial one(served_at(server.url()), ask(prompt));
  server.wait_for_request();
  one.cancel();
  auto report = one.wait();
  CHECK(report.outcome == run_outcome::cancelled);
  CHECK(report.ran_ms < 10'000);
  CHECK(server.wait_until_left());
}

TEST_CASE("a URL that is none is the node's fault") {
  for (std::string url : {"", "file:///etc/passwd", "http://", "no such scheme"})
    CHECK(trial(served_at(url), ask(prompt)).wait().outcome == run_outcome::node_fault);
}

TEST_CASE("completions are read with care") {
  CHECK(!read_completion(""));
  CHECK(!read_completion("[]"));
  CHECK(!read_completion(R"({"choices":{}})"));
  CHECK(!read_completion(R"({"choices":[5]})"));
  CHECK(!read_completion(R"({"choices":[{"message":5}]})"));
  CHECK(read_completion(R"({"choices":[{"message":{"content":null}}]})")->text == "");
  auto odd = read_completion(R"({"choices":[{"text":"x","finish_reason":5}],
    "usage":{"prompt_tokens":-5,"completion_tokens":1e30}})");
  REQUIRE(odd);
  CHECK(odd->finish_reason == "");
  CHECK(!odd->prompt_tokens);
  CHECK(!odd->completion_tokens);
  CHECK(!read_completion(R"({"choices":[{"text":"x"}],"usage":[]})")->prompt_tokens);
}

TEST_CASE("error messages are short and in one line") {
  CHECK(read_error_message(R"({"error":"plain"})") == "plain");
  CHECK(read_error_message(R"({"message":"outer"})") == "outer");
  CHECK(read_error_message(R"({"error":{"code":1}})") == "");
  CHECK(read_error_message(R"({"error":{"message":"a\u0007\r\nb"}})") == "a   b");
  CHECK(read_error_message(R"({"error":{"message":")" + std::string(5000, 'x') + "\"}}").size() == 200);
}

TEST_CASE("tokens are estimated from bytes, rounded up") {
  CHECK(estimated_tokens("") == 0);
  CHECK(estimated_tokens("a") == 1);
  CHECK(estimated_tokens("abcd") == 1);
  CHECK(estimated_tokens("abcde") == 2);
}
