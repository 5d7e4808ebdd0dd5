// The server's JSON as a person reads it, also when the JSON is not what was agreed.
#include "client/views.hpp"

#include <doctest/doctest.h>

#include "client/render.hpp"

using namespace troupe::client;

TEST_CASE("a job shows what it cost, where it ran and what it wrote") {
  auto job = json::parse(R"({"id":"job_1","job_id":"job_1","kind":"process","name":"hello","status":"completed",
    "created_at":"2026-11-22T10:30:00.000Z","started_at":"2026-11-22T10:30:00.100Z",
    "completed_at":"2026-11-22T10:30:01.600Z","progress":1,"attempts":2,"provider_id":"node_1",
    "cost":"0.0003","currency":"dGPU","result":{"exit_code":0,"stdout":"hi\n","stderr":"\u001b[1mbad\u001b[0m"}})");
  CHECK(job_text(job) ==
        "job        job_1\n"
        "name       hello\n"
        "type       process\n"
        "status     completed\n"
        "progress   100 %\n"
        "created    2026-11-22 10:30:00\n"
        "ran        1.5 s\n"
        "attempts   2\n"
        "node       node_1\n"
        "cost       0.0003 dGPU\n"
        "exit code  0\n"
        "\nstdout:\nhi\n"
        "\nstderr:\nbad\n");
}

TEST_CASE("a job's error shows its code and message") {
  auto job = json::parse(R"({"id":"j","status":"failed","error":{"code":"timeout","message":"too long"}})");
  CHECK(job_text(job) == "job     j\nstatus  failed\nerror   timeout: too long\n");
}

TEST_CASE("the list of jobs keeps whole ids within a hundred columns") {
  auto page = json::parse(R"({"jobs":[{"id":"job_01JD8XYZ01JD8XYZ01JD8XYZ01","status":"processing","kind":"script",
    "name":"a name that is much longer than a table can hold in one line of a terminal",
    "created_at":"2026-11-22T10:30:00Z","progress":0.42,"cost":"0.000123456","currency":"dGPU"}]})");
  auto text = jobs_table(page);
  CHECK(text.find("job_01JD8XYZ01JD8XYZ01JD8XYZ01  processing") != std::string::npos);
  CHECK(text.find("42 %") != std::string::npos);
  CHECK(columns_of(text) <= 2 * 101);  // two lines and their ends
  CHECK(jobs_table(json::parse(R"({"jobs":[]})")) == "no jobs\n");
}

TEST_CASE("a wallet shows each asset") {
  auto account = json::parse(R"({"id":"usr_1","email":"a@b","tier":"free","balance":"100",
    "balances":{"CREDIT":{"balance":"5","held":"0","available":"5","pending":"0"},
                "dGPU":{"balance":"100","held":"0.25","available":"99.75","pending":"0"}}})");
  CHECK(wallet_text(account, json::parse(R"({"id":"w1"})")) ==
        "account  usr_1\nemail    a@b\ntier     free\nwallet   w1\n\n"
        "ASSET   BALANCE  HELD  AVAILABLE  PENDING\n"
        "CREDIT        5     0          5        0\n"
        "dGPU        100  0.25      99.75        0\n");
}

TEST_CASE("a node shows its GPUs and slots") {
  auto page = json::parse(R"({"providers":[{"id":"node_1","name":"n","status":"idle","slots":4,"slots_free":3,
    "gpus":[{"model_name":"nvidia-tesla-a100","vram_mb":81920,"count":2}],"region":"eu","price_per_hour":"2"}]})");
  CHECK(nodes_table(page) ==
        "NODE    NAME  STATUS  FREE  GPUS                        REGION  PER HOUR\n"
        "node_1  n     idle     3/4  2x nvidia-tesla-a100 80 GB  eu             2\n");
}

TEST_CASE("an event is one line with its details") {
  auto e = parse_event(R"({"type":"started","event":"job.started","seq":12,"job_id":"j",
    "timestamp":"2026-11-22T10:30:00.5Z","data":{"attempt":1,"provider_id":"node_1"}})");
  REQUIRE(e);
  CHECK(event_line(*e) == "2026-11-22 10:30:00  started    attempt 1, on node_1");
  auto bad = parse_event(R"({"type":"failed","seq":13,"terminal":true,
    "data":{"progress":0.5,"cost":"0.1","currency":"dGPU","error":{"code":"timeout","message":"too\nlong"}}})");
  REQUIRE(bad);
  CHECK(bad->terminal);
  CHECK(event_line(*bad) == "failed     50 %, cost 0.1 dGPU, timeout: too long");
}

TEST_CASE("frames that are no job events are passed over, and nonsense is refused") {
  CHECK_FALSE(parse_event(R"({"type":"pong","timestamp":"x"})"));
  CHECK_FALSE(parse_event(R"({"seq":"twelve"})"));
  CHECK_THROWS_AS(parse_event("<html>"), trouble);
  CHECK_THROWS_AS(parse_event("[1]"), trouble);
}

TEST_CASE("a number may come as text, but must be a number") {
  auto value = json::parse(R"({"a":0.5,"b":"0.25","c":"nan","d":"inf","e":"1x","f":true})");
  CHECK(number_at(value, "a") == 0.5);
  CHECK(number_at(value, "b") == 0.25);
  for (auto key : {"c", "d", "e", "f", "g"}) CHECK_FALSE(number_at(value, key));
}

TEST_CASE("fields of a wrong type show as nothing and end nothing") {
  for (auto text : {"{}", "[]", "null", R"({"jobs":{}})", R"({"jobs":[1,null,"x",{"id":{"a":1}}]})",
                    R"({"id":[1],"result":"x","error":7,"hold":[],"progress":{},"started_at":5})",
                    R"({"balances":{"X":3,"Y":null}})", R"({"providers":[{"gpus":[1,"gpu",null]}]})"}) {
    auto value = json::parse(text);
    CHECK_NOTHROW(job_text(value));
    CHECK_NOTHROW(jobs_table(value));
    CHECK_NOTHROW(wallet_text(value, value));
    CHECK_NOTHROW(transactions_table(value));
    CHECK_NOTHROW(nodes_table(value));
    CHECK_NOTHROW(submitted_text(value));
  }
}
