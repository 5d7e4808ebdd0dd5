// Which GPU a session gets, and why it gets none.
#include "model/rental_place.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

constexpr const char* rtx = "nvidia-geforce-rtx-4090";

node_row node(const std::string& id, const std::string& gpus, amount rate) {
  node_row n;
  n.id = id;
  n.user_id = "bob";
  n.state = "online";
  n.gpus = gpus;
  n.rate = rate;
  return n;
}

rental_wish wish() {
  rental_wish w;
  w.user_id = "ann";
  w.provider_id = "node_1";
  w.job_id = "job_1";
  w.gpu_model = rtx;
  w.vram_mb = 24'576;
  w.power_w = 450;
  return w;
}

rental active(const std::string& user, const std::string& job, int64_t vram_mb) {
  rental r;
  r.id = "ses_1";
  r.user_id = user;
  r.job_id = job;
  r.node_id = "node_1";
  r.gpu_model = rtx;
  r.vram_mb = vram_mb;
  return r;
}

rental placed(const rental_wish& w, const std::vector<node_row>& nodes, const std::vector<rental>& busy = {},
              const price_book& book = {}) {
  auto found = place_rental(w, nodes, busy, book);
  if (auto bad = std::get_if<failure>(&found)) FAIL(bad->detail);
  return std::get<rental>(found);
}
std::string refused(const rental_wish& w, const std::vector<node_row>& nodes, const std::vector<rental>& busy = {}) {
  auto found = place_rental(w, nodes, busy, {});
  REQUIRE(std::holds_alternative<failure>(found));
  auto& bad = std::get<failure>(found);
  return bad.code == errc::rate_unknown ? "RATE_NOT_FOUND" : bad.word;
}

const std::vector<node_row> one_4090{node("node_1", "nvidia-geforce-rtx-4090:24576", one / 2)};

}  // namespace

TEST_CASE("the worked example's rates, from the node's own rate and the book's for memory and power") {
  auto r = placed(wish(), one_4090);
  CHECK(r.base_rate == 500'000'000);
  CHECK(r.vram_rate == 480'000'000);
  CHECK(r.power_rate == 450'000);
  CHECK(r.rate == 980'450'000);
  CHECK(r.provider_user == "bob");
  CHECK(r.node_id == "node_1");
  CHECK(r.total_vram_mb == 24'576);
  CHECK(r.fee_bps == 500);
  CHECK_FALSE(r.fee_inclusive);
}

TEST_CASE("the provider's own rate counts, and of several nodes the cheapest") {
  std::vector<node_row> nodes{node("node_2", "nvidia-geforce-rtx-4090:24576", one),
                              node("node_1", "nvidia-geforce-rtx-4090:24576", 2 * one)};
  auto w = wish();
  CHECK(placed(w, nodes).base_rate == 2 * one);
  w.provider_id = "bob";
  CHECK(placed(w, nodes).node_id == "node_2");
  w.provider_id = "cat";
  CHECK(refused(w, nodes) == "PROVIDER_NOT_AVAILABLE");
}

TEST_CASE("a quote's price holds, whatever the node asks by now") {
  auto w = wish();
  w.quoted = terms_of({}, one / 4, w.vram_mb, w.power_w);
  w.quoted->demand_ppm = 2 * ppm;
  w.quoted->fee_bps = 300;
  auto r = placed(w, {node("node_1", "nvidia-geforce-rtx-4090:24576", 9 * one)});
  CHECK(r.base_rate == one / 2);
  CHECK(r.rate == 980'450'000);
  CHECK(r.fee_bps == 300);
}

TEST_CASE("a node's rate is for all its GPUs, a session rents one") {
  auto r = placed(wish(), {node("node_1", "nvidia-geforce-rtx-4090:24576,nvidia-geforce-rtx-4090:24576", one)});
  CHECK(r.base_rate == one / 2);
  CHECK(r.total_vram_mb == 49'152);
}

TEST_CASE("people's names for a GPU are understood") {
  auto w = wish();
  for (auto name : {"NVIDIA GeForce RTX 4090", "RTX 4090", "Nvidia-GeForce-RTX-4090"}) {
    w.gpu_model = name;
    CHECK(placed(w, one_4090).gpu_model == rtx);
  }
}

TEST_CASE("why there is none") {
  auto w = wish();
  CHECK(refused(w, {}) == "PROVIDER_NOT_AVAILABLE");
  auto away = one_4090;
  away[0].state = "offline";
  CHECK(refused(w, away) == "PROVIDER_NOT_AVAILABLE");
  w.vram_mb = 24'577;
  CHECK(refused(w, one_4090) == "INSUFFICIENT_VRAM");
  w = wish();
  w.gpu_model = "nvidia-tesla-a100";
  CHECK(refused(w, one_4090) == "PROVIDER_NOT_AVAILABLE");
  w.gpu_model = "abacus";
  CHECK(refused(w, one_4090) == "RATE_NOT_FOUND");
  w = wish();
  w.max_rate = 980'449'999;
  CHECK(refused(w, one_4090) == "PROVIDER_NOT_AVAILABLE");
  w.max_rate = 980'450'000;
  CHECK(placed(w, one_4090).rate == 980'450'000);
}

TEST_CASE("a GPU nobody has priced is rented at its node's rate") {
  auto w = wish();
  w.gpu_model = "Abacus";
  w.vram_mb = 1'024;
  auto r = placed(w, {node("node_1", "abacus:2048", one)});
  CHECK(r.base_rate == one);
  CHECK(r.gpu_model == "abacus");
}

TEST_CASE("memory that others rent is not there, and one user rents once for one job") {
  auto w = wish();
  w.vram_mb = 8'000;
  CHECK(placed(w, one_4090, {active("cat", "job_1", 16'000)}).vram_mb == 8'000);
  CHECK(refused(w, one_4090, {active("cat", "job_1", 16'577)}) == "INSUFFICIENT_VRAM");
  CHECK(refused(w, one_4090, {active("ann", "job_1", 1)}) == "SESSION_ALREADY_ACTIVE");
  CHECK(placed(w, one_4090, {active("ann", "job_2", 1)}).vram_mb == 8'000);
}

TEST_CASE("a node's text of GPUs is read whatever it says") {
  node_row n;
  CHECK(gpus_of(n).empty());
  n.gpus = "a:1,b,c:x,d:e:7";
  auto all = gpus_of(n);
  REQUIRE(all.size() == 4);
  CHECK(all[0] == std::pair<std::string, int64_t>{"a", 1});
  CHECK(all[1] == std::pair<std::string, int64_t>{"b", 0});
  CHECK(all[2] == std::pair<std::string, int64_t>{"c", 0});
  CHECK(all[3] == std::pair<std::string, int64_t>{"d:e", 7});
}
