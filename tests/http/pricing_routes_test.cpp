// The pricing routes over the real cast: exact prices, quotes, providers' own rates, the market, and bad input.
#include <doctest/doctest.h>

#include "http/quote.hpp"
#include "http/routes.hpp"
#include "tests/support/fake_agent.hpp"
#include "tests/support/route_desk.hpp"

using namespace troupe;

namespace {

constexpr auto calculate = "/api/v1/billing/pricing/calculate";

struct desk : route_desk {
  std::string key = w.new_key(house_world::user);

  json post(const std::string& path, const json& body, int status = 200) {
    return must(status, "POST", path, body, key);
  }
  json get(const std::string& path, const std::string& query = "", int status = 200) {
    return must(status, "GET", path + (query.empty() ? "" : "?" + query), nullptr, key);
  }
  json market(const std::string& query = "", int status = 200) {
    return get("/api/v1/billing/marketplace", query, status);
  }
};

json ask_for(const std::string& gpu, int64_t vram_mb, int64_t watts, int64_t seconds) {
  return {
      {"gpu_model", gpu}, {"requested_vram_mb", vram_mb}, {"estimated_power_w", watts}, {"duration_seconds", seconds}};
}

json with(json body, const char* name, json value) {
  if (value.is_null())
    body.erase(name);
  else
    body[name] = std::move(value);
  return body;
}

}  // namespace

TEST_CASE("the worked example over the route: hold, parts, fee, and a quote that says the same") {
  desk d;
  auto body = with(ask_for("RTX 4090", 24'576, 450, 1), "duration_seconds", nullptr);
  auto x = d.post(calculate, with(body, "duration_hours", "2"));
  CHECK(x["total_cost"] == "2.058945");
  CHECK(x["gpu_model"] == "nvidia-geforce-rtx-4090");
  CHECK(x["base_hourly_rate"] == "0.5");
  CHECK(x["vram_hourly_rate"] == "0.48");
  CHECK(x["power_hourly_rate"] == "0.00045");
  CHECK(x["total_hourly_rate"] == "0.98045");
  CHECK(x["demand_multiplier"] == "1");
  CHECK(x["supply_bonus"] == "0");
  CHECK(x["allocated_vram_gb"] == "24");
  CHECK(x["vram_percentage"].is_null());
  CHECK(x["currency"] == "dGPU");
  x = d.post(calculate, with(with(body, "duration_hours", "1.5"), "total_vram_mb", 49'152));
  CHECK(x["subtotal_cost"] == "1.470675");
  CHECK(x["platform_fee"] == "0.07353375");
  CHECK(x["provider_earnings"] == "1.470675");
  CHECK(x["vram_percentage"] == "50");
  auto q = read_quote(x["quote"].get<std::string>(), "a secret of the tests", d.w.wall);
  REQUIRE(q);
  CHECK(q->user_id == house_world::user);
  CHECK(cost_of(q->terms, std::chrono::milliseconds{q->duration_ms}) == 1'470'675'000);
  CHECK(x["valid_until"] == json(iso_time(d.w.wall + 300'000)));
  x = d.post(calculate, with(with(body, "duration_hours", "1.5"), "fee_mode", "inclusive"));
  CHECK(x["total_cost"] == "1.470675");
  CHECK(x["provider_earnings"] == "1.39714125");
  x = d.post(calculate, with(body, "duration_hours", "0.000000001"));  // 3.6 microseconds
  CHECK(x["subtotal_cost"] == "0.000000001");
}

TEST_CASE("a price needs all it depends on, within bounds, and exactly one duration") {
  desk d;
  auto good = ask_for("a100", 81'920, 400, 9'000);
  CHECK(d.post(calculate, good)["total_cost"] == "9.45105");
  auto refused = [&](const char* name, json value) { d.post(calculate, with(good, name, std::move(value)), 400); };
  for (auto name : {"gpu_model", "requested_vram_mb", "estimated_power_w", "duration_seconds"}) refused(name, nullptr);
  for (auto bad : {json(0), json(-1), json("1024"), json(1.5), json(share_mb_max + 1), json(INT64_MAX), json(true)})
    refused("requested_vram_mb", bad);
  for (auto bad : {json(-1), json("400"), json(share_watts_max + 1)}) refused("estimated_power_w", bad);
  for (auto bad : {json(0), json(-1), json("60"), json(1.5), json(rent_hours_max * 3600 + 1)})
    refused("duration_seconds", bad);
  refused("duration_hours", "1");  // both
  auto by_hours = with(good, "duration_seconds", nullptr);
  for (auto bad : {json(1), json(1.5), json("1e3"), json("-1"), json("0"), json(""), json("8785"), json("9000000000"),
                   json("1.0000000001")})
    d.post(calculate, with(by_hours, "duration_hours", bad), 400);
  refused("total_vram_mb", 1'024);
  refused("fee_mode", "both");
  refused("surprise", 1);
  d.post(calculate, with(good, "gpu_model", "voodoo-2"), 404);
  d.post(calculate, with(good, "provider_id", "node_unknown"), 404);
  d.post(calculate, with(good, "user_id", house_world::provider), 404);
  CHECK(d.post(calculate, with(good, "gpu_model", "voodoo-2"), 404)["error_code"] == "RATE_NOT_FOUND");
  CHECK(d.post(calculate, with(good, "user_id", house_world::user))["total_cost"] == "9.45105");
}

TEST_CASE("an estimate says the same in its own words") {
  desk d;
  auto x = d.post(
      "/api/v1/billing/pricing/estimate",
      {{"gpu_model", "h100"}, {"vram_required_mb", 81'920}, {"estimated_power_w", 700}, {"estimated_hours", "1"}});
  CHECK(x["estimated_cost"]["total_cost"] == "5.880735");
  CHECK(x["breakdown"]["base_cost"] == "4");
  CHECK(x["breakdown"]["vram_cost"] == "1.6");
  CHECK(x["breakdown"]["power_cost"] == "0.0007");
  CHECK(x["breakdown"]["platform_fee"] == "0.280035");
}

TEST_CASE("the rates are the book's") {
  desk d;
  auto x = d.get("/api/v1/billing/pricing/rates");
  CHECK(x["base_rates"]["nvidia-geforce-rtx-4090"] == "0.5");
  CHECK(x["vram_rate_per_gb"] == "0.02");
  CHECK(x["power_multiplier"] == "0.001");
  CHECK(x["platform_fee_percent"] == "5");
  CHECK(x["models"]["gpt-4"]["input"] == "30");
  CHECK(x["api_call"]["price"] == "0.001");
  CHECK(x["storage_gb_month"]["price"] == "0.1");
  CHECK(x["bandwidth_gb"]["price"] == "0.05");
  CHECK(x["version"] == price_book{}.version());
}

TEST_CASE("the marketplace asks for readable filters") {
  desk d;
  CHECK(d.market()["gpus"].empty());
  for (auto bad : {"min_vram=-1", "min_vram=lots", "min_vram=99999999999", "max_price=1e3", "max_price=-1"})
    d.market(bad, 400);
}

TEST_CASE("a node's own rate is the base of its devices, in the marketplace and in a price") {
  desk d;
  fake_agent one_gpu{d.w, "one", 1}, two{d.w, "two", 2};
  one_gpu.offer.gpus = {{"nvidia-geforce-rtx-4090", 24'576}};
  one_gpu.offer.rate = 400'000'000;
  one_gpu.offer.region = "eu";
  two.offer.gpus = {{"nvidia-tesla-a100", 81'920}, {"nvidia-tesla-a100", 40'960}};
  two.offer.rate = 5 * one;
  REQUIRE(one_gpu.join());
  REQUIRE(two.join());
  auto all = d.market();
  REQUIRE(all["total"] == 3);
  CHECK(all["gpus"][0]["provider_id"] == one_gpu.id);
  CHECK(all["gpus"][0]["base_hourly_rate"] == "0.4");
  CHECK(all["gpus"][0]["hourly_rate"] == "0.88");
  CHECK(all["gpus"][0]["vram_available"] == 24'576);
  CHECK(all["gpus"][0]["availability"] == "available");
  CHECK(all["gpus"][1]["base_hourly_rate"] == "2.5");
  CHECK(all["gpus"][1]["vram_total"] == 40'960);
  CHECK(d.market("gpu_type=A100&min_vram=50000")["total"] == 1);
  CHECK(d.market("gpu_type=voodoo-2")["total"] == 0);
  CHECK(d.market("max_price=0.88")["total"] == 1);
  CHECK(d.market("max_price=0.879999999")["total"] == 0);
  CHECK(d.market("region=eu")["total"] == 1);
  auto body = with(ask_for("4090", 24'576, 450, 3'600), "provider_id", one_gpu.id);
  auto x = d.post(calculate, body);
  CHECK(x["base_rate"] == "0.4");
  CHECK(x["subtotal_cost"] == "0.88045");
  CHECK(x["vram_percentage"] == "100");
  d.post(calculate, with(body, "requested_vram_mb", 24'577), 404);
  d.post(calculate, with(body, "gpu_model", "a100"), 404);
  one_gpu.hang_up();
  d.w.pass(15'000);
  CHECK(d.market("region=eu")["total"] == 0);
  d.post(calculate, body, 404);
}

TEST_CASE("with dynamic pricing the queue raises the base and idle devices lower it: without it nothing does") {
  desk d;
  auto price = [&] { return d.post(calculate, ask_for("4090", 24'576, 450, 3'600)); };
  fake_agent node{d.w, "n", 1};
  node.offer.gpus = {{"nvidia-geforce-rtx-4090", 24'576}};
  node.offer.rate = one / 2;
  REQUIRE(node.join());
  CHECK(price()["base_cost"] == "0.5");
  d.w.settings().dynamic_pricing = true;
  CHECK(price()["supply_bonus"] == "0.5");
  CHECK(price()["base_cost"] == "0.25");
  auto wants_gpu = [] {
    auto s = house_world::noop();
    s.spec.needs.gpu_type = "rtx-4090";
    s.spec.needs.gpu_count = 1;
    return s;
  };
  d.w.submit(wants_gpu());  // takes the device
  CHECK(price()["supply_bonus"] == "0");
  CHECK(price()["demand_multiplier"] == "1");
  CHECK(d.market()["gpus"][0]["availability"] == "busy");
  d.w.submit(wants_gpu());
  CHECK(price()["demand_multiplier"] == "1.5");
  CHECK(price()["base_cost"] == "0.75");
  for (int i = 0; i < 5; ++i) d.w.submit(wants_gpu());
  CHECK(price()["demand_multiplier"] == "2");
  CHECK(d.market()["gpus"][0]["base_hourly_rate"] == "1");
  d.w.settings().dynamic_pricing = false;
  CHECK(price()["base_cost"] == "0.5");
}

TEST_CASE("a job takes its fee mode from the request, else from the configuration, and remembers its key") {
  desk d;
  json job{{"type", "noop"}, {"name", "x"}, {"params", {{"timeout_seconds", 3'600}}}};
  auto shown = [&](const json& body) {
    auto id = d.post("/api/v1/jobs", body, 202)["id"].get<std::string>();
    CHECK(d.w.row(id).key_id.starts_with("key_"));
    return d.get("/api/v1/jobs/" + id);
  };
  auto x = shown(job);
  CHECK(x["fee_mode"] == "on_top");
  CHECK(x["hold"]["amount"] == "0.2625");
  x = shown(with(job, "fee_mode", "inclusive"));
  CHECK(x["fee_mode"] == "inclusive");
  CHECK(x["hold"]["amount"] == "0.25");
  d.w.settings().prices.fee_inclusive = true;
  CHECK(shown(job)["fee_mode"] == "inclusive");
  CHECK(shown(with(job, "fee_mode", "on_top"))["hold"]["amount"] == "0.2625");
  d.post("/api/v1/jobs", with(job, "fee_mode", "free"), 400);
  d.post("/api/v1/jobs", with(job, "fee_mode", 1), 400);
}

TEST_CASE("an inclusive fee is paid out of the price, and the books agree") {
  desk d;
  fake_agent node{d.w, "n", 1};
  REQUIRE(node.join());
  auto s = house_world::noop();
  s.fee_inclusive = true;
  auto id = d.w.submit(s);
  auto lease = node.start(id);
  d.w.pass(200);
  node.finish(lease, fake_agent::done(run_outcome::succeeded, 3'600'000));
  auto row = d.w.row(id);
  REQUIRE(row.state == job_state::succeeded);
  CHECK(row.cost <= row.hold);
  auto paid = row.cost - (row.cost * 500 + 9'999) / 10'000;
  CHECK(d.w.balance(house_world::provider, account_kind::earned).balance == paid);
  d.w.books_are_right();
}
