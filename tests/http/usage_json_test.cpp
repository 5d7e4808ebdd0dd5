// What sessions and usage look like from outside: bodies that are refused, CSV that is safe.
#include "http/usage_json.hpp"

#include <doctest/doctest.h>

#include "http/csv.hpp"
#include "http/rental_json.hpp"

using namespace troupe;

namespace {

constexpr time_ms now = 1'800'000'000'000;  // 2027-01-15T08:00:00Z

json wish_body() {
  return {
      {"provider_id", "node_1"}, {"gpu_model", "rtx-4090"}, {"requested_vram_mb", 24576}, {"estimated_power_w", 450}};
}
bool refuses_wish(const char* name, json value) {
  auto body = wish_body();
  body[name] = std::move(value);
  return std::holds_alternative<failure>(read_wish(body));
}
int64_t duration(json value) {
  auto body = wish_body();
  body["max_duration_hours"] = std::move(value);
  auto read = read_wish(body);
  return std::holds_alternative<failure>(read) ? -1 : std::get<rental_wish>(read).max_ms;
}
json report_body() {
  return {{"session_id", "ses_1"}, {"gpu_utilization_percent", 90}, {"vram_utilization_percent", 80.5},
          {"power_draw_w", 400.7}, {"temperature_c", 70},           {"timestamp", "2027-01-15T08:00:00Z"}};
}
bool refuses_report(const char* name, json value) {
  auto body = report_body();
  body[name] = std::move(value);
  return std::holds_alternative<failure>(read_report(body, now));
}

}  // namespace

TEST_CASE("a session's duration is a decimal string or an integer, from a minute to a day") {
  CHECK(duration("2") == 7'200'000);
  CHECK(duration(2) == 7'200'000);
  CHECK(duration("1.5") == 5'400'000);
  CHECK(duration("0.016666667") == 60'000);
  CHECK(duration(24) == 86'400'000);
  for (auto bad : {json("0.016666666"), json(0), json(25), json("24.000001"), json(-1), json("1e1"), json("x"),
                   json(1.5), json(true), json("99999999999")})
    CHECK(duration(bad) == -1);
}

TEST_CASE("a wish that is no wish is refused") {
  CHECK(std::holds_alternative<rental_wish>(read_wish(wish_body())));
  for (auto name : {"provider_id", "gpu_model", "requested_vram_mb", "estimated_power_w"})
    CHECK(refuses_wish(name, nullptr));
  for (auto name : {"requested_vram_mb", "estimated_power_w"})
    for (auto bad : {json(0), json(-1), json(1LL << 40), json("24576"), json(1.5)}) CHECK(refuses_wish(name, bad));
  for (auto bad : {json(1), json("0"), json("-1"), json("1e3"), json("")}) CHECK(refuses_wish("max_hourly_rate", bad));
  CHECK(refuses_wish("gpu_model", std::string(129, 'x')));
  CHECK(refuses_wish("fee_mode", "free"));
  CHECK(refuses_wish("surprise", 1));
}

TEST_CASE("measurements have bounds, and their time is about now") {
  auto read = read_report(report_body(), now);
  REQUIRE(std::holds_alternative<usage_report>(read));
  auto& r = std::get<usage_report>(read).reading;
  CHECK((r.gpu_percent == 90 && r.vram_percent == 80 && r.power_draw_w == 400 && r.temperature_c == 70));
  CHECK(r.at_ms == now);
  for (auto name : {"gpu_utilization_percent", "vram_utilization_percent"})
    for (auto bad : {json(101), json(100.5), json(-1), json("90"), json(nullptr), json(true)})
      CHECK(refuses_report(name, bad));
  CHECK(refuses_report("power_draw_w", -1));
  CHECK(refuses_report("temperature_c", 1000));
  CHECK(refuses_report("timestamp", "2027-01-15T08:02:00Z"));
  CHECK(refuses_report("timestamp", "2027-01-15T07:54:59Z"));
  CHECK(refuses_report("timestamp", "1970-01-01T00:00:00Z"));
  CHECK(refuses_report("timestamp", "yesterday"));
  CHECK_FALSE(refuses_report("timestamp", nullptr));
}

TEST_CASE("a session shows what it costs until now, billed or not") {
  rental r;
  r.id = "ses_1";
  r.rate = 980'450'000;
  r.fee_bps = 500;
  r.hold = 2'058'945'000;
  r.max_ms = 7'200'000;
  r.started_ms = r.billed_ms = now;
  auto body = rental_costs_json(r, one, now + 5'400'000);
  CHECK(body["current_cost"] == "1.54420875");
  CHECK(body["billed_cost"] == "0");
  CHECK(body["estimated_hourly_cost"] == "1.0294725");
  CHECK(body["estimated_runtime_hours"] == "0.5");
  CHECK(body["session"]["platform_fee_rate"] == "0.05");
  CHECK(body["session"]["actual_power_w"].is_null());
  CHECK(rental_costs_json(r, 0, now + 86'400'000)["current_cost"] == "2.058945");
  CHECK(rental_costs_json(r, 0, now - 1)["current_cost"] == "0");
}

TEST_CASE("CSV is quoted by RFC 4180 and never a formula") {
  CHECK(csv_line({"a", "b"}) == "a,b\r\n");
  CHECK(csv_line({"a,b", "say \"hi\"", "two\nlines", ""}) == "\"a,b\",\"say \"\"hi\"\"\",\"two\nlines\",\r\n");
  CHECK(csv_line({"=1+1", "+1", "-1", "@x", "\tx"}) == "'=1+1,'+1,'-1,'@x,'\tx\r\n");
  CHECK(csv_line({"=1,2"}) == "\"'=1,2\"\r\n");
}

TEST_CASE("usage as CSV has a head line and exact costs") {
  usage_add u{"ann", "key_1", "=evil", "inference", "2026-11-22", asset::credit, 2, 1, 10, 20, 300, 1};
  CHECK(usage_csv({u}, {}) ==
        "day,api_key_id,model,kind,currency,requests,failed,tokens_in,tokens_out,runtime_ms,cost\r\n"
        "2026-11-22,key_1,'=evil,inference,CREDIT,2,1,10,20,300,0.000000001\r\n");
  CHECK(usage_csv({u}, usage_by::day) ==
        "day,currency,requests,failed,tokens_in,tokens_out,runtime_ms,cost\r\n"
        "2026-11-22,CREDIT,2,1,10,20,300,0.000000001\r\n");
  CHECK(usage_csv({}, usage_by::key).starts_with("api_key_id,currency,"));
}

TEST_CASE("totals add requests and tokens over the assets, and never the money of two") {
  usage_add a{"", "", "", "", "", asset::credit, 2, 1, 10, 20, 300, 5 * one};
  usage_add b{"", "", "", "", "", asset::dgpu, 3, 0, 0, 0, 700, 7 * one};
  auto body = totals_json({a, b});
  CHECK(body["requests"] == 5);
  CHECK(body["tokens"] == 30);
  CHECK(body["runtime_ms"] == 1000);
  CHECK(body["credits"] == "5");
  CHECK(body["cost"] == json{{"CREDIT", "5"}, {"dGPU", "7"}});
  CHECK(totals_json({})["credits"] == "0");
}
