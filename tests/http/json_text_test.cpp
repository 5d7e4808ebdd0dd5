// Text that a JSON reader understands as what was meant, whatever bytes a job left behind.
#include "http/json_text.hpp"

#include <doctest/doctest.h>

#include "http/job_json.hpp"

using namespace troupe;

namespace {

json read_back(json_text& t) { return json::parse(t.take()); }

json text_back(std::string_view text) {
  json_text t;
  t.begin('{');
  t.add("x", text);
  t.end('}');
  return read_back(t)["x"];
}

}  // namespace

TEST_CASE("members and elements are kept apart, also in empty and nested values") {
  json_text t;
  t.begin('{');
  t.begin("none", '[');
  t.end(']');
  t.begin("list", '[');
  t.add(1);
  t.begin('{');
  t.end('}');
  t.add(true);
  t.add(nullptr);
  t.end(']');
  t.add("names", std::vector<std::string>{"a", "b:"});
  t.add("last", INT64_MIN);
  t.end('}');
  CHECK(read_back(t) ==
        json::parse(R"({"none":[],"list":[1,{},true,null],"names":["a","b:"],"last":-9223372036854775808})"));
}

TEST_CASE("a string comes back as it was, and what is no UTF-8 as a replacement") {
  for (std::string text :
       {"", "plain", "with \"quotes\" and \\", "line\nbreak\ttab", "\x01\x1f\x7f", "Grüße, 世界 🎭", "ends with {"})
    CHECK(text_back(text) == json(text));
  CHECK(text_back(std::string("a\0b", 3)) == json(std::string("a\0b", 3)));
  CHECK(text_back("a\xff"
                  "b") == json("a\xEF\xBF\xBD"
                               "b"));
}

TEST_CASE("shares and times") {
  json_text t;
  t.begin('{');
  t.add_share("nothing", 0);
  t.add_share("part", 420'000);
  t.add_share("least", 1);
  t.add_share("all", 1'000'000);
  t.add_time("never", 0);
  t.add_time("once", 1'795'343'400'123);
  t.add_if_any("empty", "");
  t.end('}');
  CHECK(read_back(t) == json::parse(R"({"nothing":0.0,"part":0.42,"least":0.000001,"all":1.0,"never":null,)"
                                    R"("once":"2026-11-22T10:30:00.123Z","empty":null})"));
}

TEST_CASE("a finished inference job shows its result, an ended one its error") {
  job_view v;
  v.row.id = "job_1";
  v.row.state = job_state::succeeded;
  v.row.cost = 5;
  v.row.devices = "0:1024";
  v.spec.kind = job_kind::inference;
  v.spec.parents = {"job_0"};
  v.result = run_report{};
  v.result->stdout_text = "said \"yes\"\n";
  v.result->prompt_tokens = 2;
  v.result->completion_tokens = 3;
  v.result->artifacts = {{"a.bin", 7, "00ff"}};
  auto x = json::parse(job_text(v));
  CHECK(x["cost"] == "0.000000005");
  CHECK(x["devices"] == json::parse(R"([{"device":0,"vram_mb":1024}])"));
  CHECK(x["depends_on"] == json::parse(R"(["job_0"])"));
  CHECK(x["result"]["stdout"] == "said \"yes\"\n");
  CHECK(x["result"]["tokens_used"] == 5);
  CHECK(x["result"]["artifacts"][0] == json::parse(R"({"name":"a.bin","bytes":7,"sha256":"00ff"})"));
  CHECK(x["error"] == nullptr);

  v.row.state = job_state::failed;
  v.row.error_code = "exit_code";
  v.row.error_message = "it ended with 3";
  v.result.reset();
  x = json::parse(job_text(v));
  CHECK(x["result"] == nullptr);
  CHECK(x["error"] == json::parse(R"({"code":"exit_code","message":"it ended with 3"})"));
}

TEST_CASE("an event's frame says what it is about") {
  auto frame = [](event_row e) { return json::parse(event_frame(e)); };
  event_row e;
  e.seq = 7;
  e.at_ms = 1'795'343'400'123;
  e.job_id = "job_1";
  e.kind = "queued";
  e.value = 2 * one;
  e.currency = asset::dgpu;
  CHECK(frame(e) == json::parse(R"({"type":"queued","event":"job.queued","seq":7,"job_id":"job_1","channel":"jobs",
    "timestamp":"2026-11-22T10:30:00.123Z","data":{"job_id":"job_1","hold":{"amount":"2","currency":"dGPU"}}})"));

  e.kind = "failed";
  e.attempt = 2;
  e.node_id = "node_a";
  e.message = "it ended with \"3\"";
  e.error_code = "exit_code";
  e.terminal = true;
  auto x = frame(e);
  CHECK(x["terminal"] == true);
  CHECK(x["data"] == json::parse(R"({"job_id":"job_1","attempt":2,"provider_id":"node_a","cost":"2","currency":"dGPU",
    "message":"it ended with \"3\"","error":{"code":"exit_code","message":"it ended with \"3\""}})"));

  event_row low;
  low.kind = "low_balance";
  low.value = one / 2;
  low.currency = asset::dgpu;
  x = frame(low);
  CHECK(x["channel"] == "billing");
  CHECK(x["data"] == json::parse(R"({"available":"0.5","currency":"dGPU"})"));

  event_row session;
  session.kind = "session_funds_low";
  session.job_id = "ses_1";
  session.value = one;
  CHECK(frame(session)["data"] == json::parse(R"({"session_id":"ses_1","remaining":"1"})"));
}
