// The subcommands against a server that follows a script: what is asked, what is printed, how it ends.
#include "client/client.hpp"

#include <doctest/doctest.h>

#include <nlohmann/json.hpp>
#include <sstream>

#include "client/command.hpp"
#include "scripted_server.hpp"

using namespace troupe;
using client::arguments;

namespace {

struct ending {
  int code;
  std::string out, err;
};

ending run(const std::string& url, arguments args, bool terminal = false) {
  std::ostringstream out, err;
  client::follow_rules rules;
  rules.quiet_ms = 50;
  rules.tick_ms = 10;
  rules.first_wait_ms = rules.last_wait_ms = 1;
  rules.tries_max = 3;
  client::world w{{{"TROUPE_URL", url}, {"TROUPE_API_KEY", "fsk_test"}}, {out, err, terminal, 100}, rules};
  auto code = client::run(args, w);
  return {code, out.str(), err.str()};
}

ending run(const scripted_server& s, arguments args, bool terminal = false) { return run(s.url(), args, terminal); }

/// Says what there was instead when it is not there.
bool has(const std::string& text, const std::string& part) {
  bool found = text.find(part) != std::string::npos;
  if (!found) MESSAGE("\"" << part << "\" is not in: " << text);
  return found;
}

std::string first_line(const peer& p) { return p.head.substr(0, p.head.find("\r\n")); }

/// An address where nobody listens: it was free a moment ago.
std::string nobody() { return scripted_server({}).url(); }

std::string event(int seq, const std::string& type, const std::string& data = "{}", bool terminal = false) {
  return R"({"type":")" + type + R"(","event":"job.)" + type + R"(","seq":)" + std::to_string(seq) +
         R"(,"job_id":"job_1","timestamp":"2026-11-22T10:30:00.000Z","data":)" + data +
         (terminal ? R"(,"terminal":true})" : "}");
}

step frames(std::vector<std::string> list) {
  return [list = std::move(list)](peer& p) {
    p.upgrade();
    for (auto& text : list) p.frame(text);
  };
}

const auto running = R"({"id":"job_1","status":"processing"})";
const auto finished =
    R"({"id":"job_1","status":"completed","attempts":1,"cost":"0.0003","currency":"dGPU","result":{"stdout":"hi\n"}})";
const auto accepted =
    R"({"id":"job_1","job_id":"job_1","status":"queued","hold":{"amount":"0.2625","currency":"dGPU"}})";

}  // namespace

TEST_CASE("submit sends the job with its credential and prints the id and the hold") {
  scripted_server s({reply(202, accepted)});
  auto end = run(s, {"submit", "--key", "once", "--", "echo", "--name", "hi"});
  CHECK(end.code == 0);
  CHECK(end.out == "job     job_1\nstatus  queued\nhold    0.2625 dGPU\n");
  CHECK(end.err == "");
  auto asked = s.seen().at(0);
  CHECK(first_line(asked) == "POST /api/v1/jobs HTTP/1.1");
  CHECK(asked.header("Authorization") == "Bearer fsk_test");
  CHECK(asked.header("Idempotency-Key") == "once");
  CHECK(asked.header("Content-Type") == "application/json");
  CHECK(nlohmann::json::parse(asked.body)["params"]["command"] == nlohmann::json{"echo", "--name", "hi"});
}

TEST_CASE("submit sends again under the same key when the connection is lost before the answer") {
  scripted_server s({[](peer&) {}, reply(202, accepted)});
  auto end = run(s, {"submit", "--", "ls"});
  CHECK(end.code == 0);
  auto seen = s.seen();
  REQUIRE(seen.size() == 2);
  CHECK(!seen[0].header("Idempotency-Key").empty());
  CHECK(seen[0].header("Idempotency-Key") == seen[1].header("Idempotency-Key"));
  CHECK(seen[0].body == seen[1].body);
}

TEST_CASE("submit names its key when it cannot know whether the job was accepted") {
  scripted_server s({[](peer&) {}, [](peer&) {}});
  auto end = run(s, {"submit", "--key", "mine", "--", "ls"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "--key mine"));
}

TEST_CASE("too little money is refused with what is required and what is there") {
  auto top = R"({"error":"Insufficient balance","required":"5.25","balance":"1.00","request_id":"req_1"})";
  auto nested = R"({"message":"Insufficient balance","error":"x","details":{"required":"5.25","balance":"1.00"}})";
  for (auto body : {top, nested}) {
    scripted_server s({reply(402, body)});
    auto end = run(s, {"submit", "--", "ls"});
    CHECK(end.code == 1);
    CHECK(end.out == "");
    CHECK(has(end.err, "troupe submit: Insufficient balance (402): required 5.25, balance 1.00"));
  }
}

TEST_CASE("refusals of all dialects become one line") {
  auto refusal = [](int status, const std::string& body, const std::string& headers = "") {
    scripted_server s({reply(status, body, headers)});
    auto end = run(s, {"nodes"});
    CHECK(end.code == 1);
    return end.err;
  };
  CHECK(refusal(404, R"({"success":false,"message":"no such thing"})") == "troupe nodes: no such thing (404)\n");
  CHECK(refusal(400, R"({"error":{"message":"bad limit"}})") == "troupe nodes: bad limit (400)\n");
  CHECK(has(refusal(401, R"({"error":"Invalid API key"})"), "Invalid API key (401); is the API key right?"));
  CHECK(has(refusal(429, R"({"error":"slow down"})", "Retry-After: 7\r\n"), "slow down (429); try again in 7 s"));
  CHECK(has(refusal(502, "<html>"), "answered with status 502 and no reason"));
}

TEST_CASE("a server that is away ends with one line and code 1") {
  auto end = run(nobody(), {"jobs"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "troupe jobs: could not reach http://127.0.0.1:"));
  CHECK(run(nobody(), {"watch", "job_1"}).code == 1);
}

TEST_CASE("garbage is named as such") {
  scripted_server noise({[](peer& p) { p.send("SSH-2.0-OpenSSH_9.2\r\n\r\n"); }});
  auto end = run(noise, {"jobs"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "does not answer in HTTP"));
  scripted_server page({reply(200, "<html>hello</html>")});
  end = run(page, {"jobs"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "not JSON"));
  scripted_server half({[](peer& p) { p.send("HTTP/1.1 200 OK\r\nContent-Length: 50\r\n\r\n{"); }});
  end = run(half, {"jobs"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "lost the connection"));
}

TEST_CASE("a server that never answers is given up in time") {
  scripted_server s({[](peer& p) { p.wait_for_end(); }});
  auto to = client::parse_server(s.url(), "");
  to.wait.answer_ms = 50;
  CHECK_THROWS_AS(client::ask(to, {"GET", "/"}), client::away);
}

TEST_CASE("a TLS handshake that is not answered is given up in time") {
  scripted_server s({[](peer&) {}});
  auto to = client::parse_server("https" + s.url().substr(4), "fsk_secret");
  to.wait.connect_ms = 100;
  CHECK_THROWS_AS(client::ask(to, {"GET", "/"}), client::away);
}

TEST_CASE("what the server says cannot control the terminal") {
  scripted_server s({reply(400, R"({"message":"\u001b[2Jgone\u0007\nsecond line"})")});
  CHECK(run(s, {"cancel", "j"}).err == "troupe cancel: gone second line (400)\n");
}

TEST_CASE("watch prints each event, then the result, and ends with 0 when the job completed") {
  scripted_server s(
      {reply(200, running),
       frames({event(1, "queued"), event(2, "started", R"({"attempt":1})"),
               event(3, "progress", R"({"progress":0.42,"message":"epoch 1"})"), event(4, "completed", "{}", true)}),
       reply(200, finished)});
  auto end = run(s, {"watch", "job_1"});
  CHECK(end.code == 0);
  CHECK(end.out ==
        "2026-11-22 10:30:00  queued\n"
        "2026-11-22 10:30:00  started    attempt 1\n"
        "2026-11-22 10:30:00  progress   42 %, epoch 1\n"
        "2026-11-22 10:30:00  completed\n"
        "\njob       job_1\nstatus    completed\nattempts  1\ncost      0.0003 dGPU\n\nstdout:\nhi\n");
  auto asked = s.seen().at(1);
  CHECK(first_line(asked) == "GET /v1/stream?after=0&job_id=job_1 HTTP/1.1");
  CHECK(asked.header("Authorization") == "Bearer fsk_test");
}

TEST_CASE("watch goes on after the last event when the socket drops, and shows none twice") {
  scripted_server s({reply(200, running), frames({event(7, "queued"), event(8, "started")}),
                     frames({event(8, "started"), event(9, "failed", R"({"error":{"code":"exit_code"}})", true)}),
                     reply(200, R"({"id":"job_1","status":"failed"})")});
  auto end = run(s, {"watch", "job_1"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "connecting again"));
  auto once = end.out.find("started");
  CHECK(once != std::string::npos);
  CHECK(end.out.find("started", once + 1) == std::string::npos);
  CHECK(has(end.out, "failed     exit_code"));
  CHECK(first_line(s.seen().at(2)) == "GET /v1/stream?after=8&job_id=job_1 HTTP/1.1");
}

TEST_CASE("watch outlives a server that is busy for a while") {
  scripted_server s({reply(200, running), frames({event(1, "queued")}), reply(503, R"({"error":"restarting"})"),
                     frames({event(2, "completed", "{}", true)}), reply(200, finished)});
  CHECK(run(s, {"watch", "job_1"}).code == 0);
}

TEST_CASE("watch gives up when the server stays away") {
  scripted_server s({reply(200, running), frames({event(1, "queued")})});
  auto end = run(s, {"watch", "job_1"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "Connection refused"));
}

TEST_CASE("watch does not insist where it is refused") {
  scripted_server unknown({reply(404, R"({"error":"Job not found"})")});
  CHECK(run(unknown, {"watch", "job_1"}).err == "troupe watch: Job not found (404)\n");
  scripted_server s({reply(200, running), frames({event(1, "queued")}), reply(401, R"({"error":"revoked"})")});
  auto end = run(s, {"watch", "job_1"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "401"));
}

TEST_CASE("watch ends when a stream brings nonsense") {
  scripted_server text({reply(200, running), frames({"hello"})});
  auto end = run(text, {"watch", "job_1"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "not a JSON object"));
  scripted_server bytes({reply(200, running), [](peer& p) {
                           p.upgrade();
                           p.send("\xF1\x01x");  // reserved bits set
                         }});
  end = run(bytes, {"watch", "job_1"});
  CHECK(end.code == 1);
  CHECK(has(end.err, "does not keep to the WebSocket protocol"));
}

TEST_CASE("watch of a job whose events are gone ends with what the job says") {
  scripted_server s({reply(200, finished), [](peer& p) {
                       p.upgrade();
                       p.wait_for_end();
                     }});
  // The question whether the job is over comes while the stream is still open, so it goes to a second server.
  auto to = client::parse_server(s.url(), "");
  client::follow_rules rules;
  rules.tick_ms = rules.quiet_ms = 10;
  client::ask(to, {"GET", "/api/v1/jobs/job_1"});
  int asked = 0;
  client::follow_hooks hooks{[](auto&) {}, [] {}, [](auto&) {}, [&] { return ++asked == 2; }};
  client::follow(to, "job_1", rules, hooks);
  CHECK(asked == 2);
}

TEST_CASE("on a terminal progress is one line that is drawn again and wiped at the end") {
  scripted_server s({reply(200, running),
                     frames({event(1, "started"), event(2, "progress", R"({"progress":0.5,"message":"half"})"),
                             event(3, "completed", "{}", true)}),
                     reply(200, finished)});
  auto end = run(s, {"watch", "job_1"}, true);
  CHECK(end.code == 0);
  CHECK(has(end.out, "\r\x1b[K[=============>"));
  CHECK(has(end.out, "]  50 %"));
  CHECK(has(end.out, "half\r\x1b[K"));
}

TEST_CASE("submit with --watch follows the job it made") {
  scripted_server s(
      {reply(202, accepted), reply(200, running), frames({event(1, "completed", "{}", true)}), reply(200, finished)});
  auto end = run(s, {"submit", "--watch", "--", "ls"});
  CHECK(end.code == 0);
  CHECK(has(end.out, "stdout:\nhi\n"));
}

TEST_CASE("with --json the server's text comes through unchanged") {
  auto odd = R"({ "jobs" : [ ] , "total":1e3 })";
  scripted_server s({reply(200, odd)});
  CHECK(run(s, {"jobs", "--json"}).out == std::string(odd) + "\n");
  scripted_server w({reply(200, running), frames({event(1, "completed", "{}", true)}), reply(200, finished)});
  CHECK(run(w, {"watch", "--json", "job_1"}).out == event(1, "completed", "{}", true) + "\n" + finished + "\n");
}

TEST_CASE("jobs asks for a page or for one job") {
  scripted_server s({reply(200, R"({"jobs":[{"id":"job_1","status":"queued"}]})"), reply(200, finished)});
  CHECK(run(s, {"jobs", "--status", "queued", "--limit", "5"}).out == "JOB    STATUS\njob_1  queued\n");
  CHECK(has(run(s, {"jobs", "a/b?c"}).out, "cost      0.0003 dGPU"));
  CHECK(first_line(s.seen().at(0)) == "GET /api/v1/jobs?limit=5&status=queued HTTP/1.1");
  CHECK(first_line(s.seen().at(1)) == "GET /api/v1/jobs/a%2Fb%3Fc HTTP/1.1");
}

TEST_CASE("cancel says what became of the job") {
  scripted_server s({reply(202, R"({"job_id":"job_1","status":"cancelling"})")});
  CHECK(run(s, {"cancel", "job_1"}).out == "job     job_1\nstatus  cancelling\n");
  CHECK(first_line(s.seen().at(0)) == "DELETE /api/v1/jobs/job_1 HTTP/1.1");
}

TEST_CASE("wallet finds the transactions by way of account and wallet") {
  scripted_server s({reply(200, R"({"id":"usr_1"})"), reply(200, R"({"id":"w-1"})"),
                     reply(200, R"({"transactions":[{"type":"payment","amount":"0.5","job_id":"job_1"}]})")});
  auto end = run(s, {"wallet", "--transactions", "--limit", "3"});
  CHECK(end.code == 0);
  CHECK(end.out == "TYPE     AMOUNT  ABOUT\npayment     0.5  job_1\n");
  CHECK(first_line(s.seen().at(1)) == "GET /api/v1/billing/user/usr_1/wallet HTTP/1.1");
  CHECK(first_line(s.seen().at(2)) == "GET /api/v1/billing/wallet/w-1/transactions?limit=3 HTTP/1.1");
}

TEST_CASE("bad usage ends with code 2 and asks nobody") {
  std::vector<arguments> bad = {{},
                                {"dance"},
                                {"watch"},
                                {"watch", ""},
                                {"submit"},
                                {"submit", "--priority", "10", "--", "ls"},
                                {"submit", "--key", "two words", "--", "ls"},
                                {"submit", "--label", "x", "--", "ls"},
                                {"jobs", "--limit", "0"},
                                {"jobs", "one", "two"},
                                {"jobs", "--url", "ftp://x"},
                                {"jobs", "--url", "http://user@x"},
                                {"jobs", "--url", "http://x:99999"},
                                {"jobs", "--api-key", "a\r\nX-Evil: 1"}};
  for (auto& args : bad) {
    auto end = run(nobody(), args);
    CAPTURE(end.err);
    CHECK(end.code == 2);
    CHECK(end.out == "");
    CHECK(end.err.starts_with("troupe"));
  }
}

TEST_CASE("help goes to the output, ends with 0 and fits a terminal") {
  for (auto name : {"submit", "watch", "cancel", "jobs", "wallet", "nodes"}) {
    auto end = run(nobody(), {name, "--help"});
    CHECK(end.code == 0);
    CHECK(has(end.out, "--api-key"));
    CHECK(end.out.find("fsk_test") == std::string::npos);
    std::istringstream lines(end.out);
    for (std::string line; std::getline(lines, line);) CHECK(line.size() <= 100);
  }
}

TEST_CASE("a URL is taken apart into host, port and base") {
  auto s = client::parse_server("https://[::1]/base/", "");
  CHECK(s.tls);
  CHECK(s.host == "::1");
  CHECK(s.port == "443");
  CHECK(s.prefix == "/base");
  CHECK(s.url() == "https://[::1]/base");
  CHECK(client::parse_server("http://localhost:8080", "").url() == "http://localhost:8080");
  for (auto bad : {"", "http://", "http://:80", "http://h:", "http://[::1", "http://h:1x", "http://h\r\n"})
    CHECK_THROWS_AS(client::parse_server(bad, ""), client::bad_usage);
}
