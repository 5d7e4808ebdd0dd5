// Where a job goes: best fit of VRAM, whole devices, room of every kind, trust, and nodes that it came back from.
#include <doctest/doctest.h>

#include "model/placement.hpp"

using namespace troupe;

namespace {

node_offer gpu_node(std::string id, std::vector<int64_t> vram_gb, amount rate = 100) {
  node_offer n;
  n.id = std::move(id);
  n.slots = 16;
  n.rate = rate;
  for (auto gb : vram_gb) n.gpus.push_back({"gpu", gb * 1'000});
  return n;
}

ready_job gpu_job(std::string id, int64_t gb, std::string user = "t") {
  ready_job j;
  j.id = std::move(id);
  j.user_id = std::move(user);
  j.needs.gpu_type = "gpu";
  j.needs.vram_mb = gb * 1'000;
  return j;
}

/// "NODE DEVICE:MB,..." or nothing.
std::string go(placement& p, ready_job j, time_ms now_ms = 0) {
  auto id = j.id;
  p.add(std::move(j), now_ms);
  for (auto& x : p.match(1, now_ms))
    if (x.job_id == id) return x.node_id + " " + format_shares(x.devices);
  return {};
}

void fill(placement& p) {
  for (auto gb : {80, 24, 48}) p.put_node(gpu_node("n" + std::to_string(gb), {gb}));
}

}  // namespace

TEST_CASE("a job lands on the smallest idle device that holds it") {
  placement p;
  fill(p);
  CHECK(go(p, gpu_job("a", 20)) == "n24 0:20000");
  CHECK(go(p, gpu_job("b", 40)) == "n48 0:40000");
  CHECK(go(p, gpu_job("c", 70)) == "n80 0:70000");
  CHECK(go(p, gpu_job("d", 8)) == "n48 0:8000");
  CHECK(go(p, gpu_job("e", 11)).empty());
  CHECK(go(p, gpu_job("f", 4)) == "n24 0:4000");
}

TEST_CASE("a device holds a job to the last MB and not one more, and a node without a free slot is not open") {
  placement p;
  auto n = gpu_node("n", {24});
  n.slots = 1;
  p.put_node(n);
  auto j = gpu_job("more", 24);
  j.needs.vram_mb += 1;
  CHECK(go(p, j).empty());
  p.put_node(gpu_node("two", {24, 20}));
  auto both = gpu_job("both", 20);
  both.needs.vram_mb += 1;
  both.needs.gpu_count = 2;
  CHECK(go(p, both).empty());
  p.remove_node("two");
  CHECK(p.market().devices.at(0).open);
  CHECK(go(p, gpu_job("all", 23)) == "n 0:23000");
  CHECK_FALSE(p.market().devices.at(0).open);
  p.release("n", "all");
  CHECK(p.market().devices.at(0).open);
}

TEST_CASE(
    "an idle big device is not broken open while one in use has room, unless the job nearly fills a smaller one") {
  placement p;
  p.put_node(gpu_node("n80", {80}));
  CHECK(go(p, gpu_job("first", 20)) == "n80 0:20000");
  p.put_node(gpu_node("n48", {48}));
  CHECK(go(p, gpu_job("second", 20)) == "n80 0:20000");  // though it leaves less on the other
  p.put_node(gpu_node("n24", {24}));
  CHECK(go(p, gpu_job("third", 20)) == "n24 0:20000");
}

TEST_CASE("spread takes idle devices first, and the idlest node of equal ones") {
  placement p;
  p.put_node(gpu_node("a", {24, 24}));
  p.put_node(gpu_node("b", {24}));
  auto spread = [](std::string id) {
    auto j = gpu_job(std::move(id), 4);
    j.needs.spread = true;
    return j;
  };
  CHECK(go(p, spread("1")) == "a 0:4000");
  CHECK(go(p, spread("2")) == "b 0:4000");
  CHECK(go(p, spread("3")) == "a 1:4000");
  CHECK(go(p, gpu_job("packed", 4)) == "a 0:4000");
}

TEST_CASE("an exclusive job gets whole idle devices, whatever VRAM it asks for") {
  placement p;
  p.put_node(gpu_node("n", {24, 24, 48}));
  CHECK(go(p, gpu_job("small", 1)) == "n 0:1000");
  auto j = gpu_job("whole", 4);
  j.needs.exclusive = true;
  j.needs.gpu_count = 2;
  CHECK(go(p, j) == "n 1:24000,2:48000");
  CHECK(go(p, gpu_job("more", 24)).empty());
}

TEST_CASE("cores, memory and disk are divided like VRAM, and a node that does not say what it has gives none") {
  placement p;
  auto n = gpu_node("n", {});
  p.put_node(gpu_node("silent", {}, 1));
  n.cpu_cores = 8;
  n.memory_mb = 16'000;
  n.disk_mb = 100;
  p.put_node(n);
  auto wants = [](std::string id, int32_t cores, int64_t memory_mb, int64_t disk_mb) {
    ready_job j{std::move(id), "t"};
    j.needs.cpu_cores = cores;
    j.needs.memory_mb = memory_mb;
    j.needs.disk_mb = disk_mb;
    return j;
  };
  CHECK(go(p, wants("a", 6, 0, 0)) == "n ");
  CHECK(go(p, wants("b", 3, 0, 0)).empty());
  CHECK(go(p, wants("c", 2, 16'000, 0)) == "n ");
  CHECK(go(p, wants("d", 0, 1, 0)).empty());
  CHECK(go(p, wants("e", 0, 0, 101)).empty());
  CHECK(go(p, wants("f", 0, 0, 100)) == "n ");
  p.release("n", "a");
  CHECK(p.match(1).at(0).job_id == "b");
}

TEST_CASE("trust, price and a draining node are respected: of equals the more reliable node wins") {
  placement p;
  auto n = gpu_node("shaky", {24}, 100);
  n.reliability_ppm = 700'000;
  n.trust_ppm = 900'000;
  p.put_node(n);
  n.id = "steady";
  n.reliability_ppm = 990'000;
  n.trust_ppm = 500'000;
  p.put_node(n);
  CHECK(go(p, gpu_job("a", 1)) == "steady 0:1000");
  auto careful = gpu_job("b", 1);
  careful.needs.min_trust_ppm = 600'000;
  CHECK(go(p, careful) == "shaky 0:1000");
  auto poor = gpu_job("c", 1);
  poor.needs.rate_max = 99;
  CHECK(go(p, poor).empty());
  n.draining = true;
  p.change_node(n);
  CHECK(go(p, gpu_job("d", 1)) == "shaky 0:1000");
  n.draining = false;
  n.rate = 50;
  p.change_node(n);
  CHECK(p.match(9).at(0).job_id == "c");
}

TEST_CASE("a job keeps away from the node it came back from for a minute, unless no other could serve") {
  placement p;
  p.put_node(gpu_node("cheap", {24}, 10));
  p.put_node(gpu_node("dear", {24}, 90));
  CHECK(p.add(gpu_job("a", 24), 1'000, "cheap"));
  CHECK(p.match(1, 1'000).at(0).node_id == "dear");
  CHECK(p.add(gpu_job("b", 24), 1'000, "cheap"));
  CHECK(p.match(1, 60'999).empty());  // the other is busy, but could serve
  CHECK(p.match(1, 61'000).at(0).node_id == "cheap");
  CHECK(p.add(gpu_job("c", 24), 70'000, "cheap"));
  p.release("cheap", "b");
  CHECK(p.match(1, 70'000).empty());
  p.remove_node("dear");
  CHECK(p.match(1, 70'000).at(0).node_id == "cheap");
}

TEST_CASE("a rejected job remembers each node of the last minute") {
  placement p;
  for (auto* id : {"a", "b", "c"}) p.put_node(gpu_node(id, {24}));
  p.add(gpu_job("j", 1), 0);
  auto first = p.match(1, 0).at(0).node_id;
  p.release(first, "j");
  p.add(gpu_job("j", 1), 0, first);
  auto second = p.match(1, 0).at(0).node_id;
  CHECK(second != first);
  p.release(second, "j");
  p.add(gpu_job("j", 1), 0, second);
  auto third = p.match(1, 0).at(0).node_id;
  CHECK((third != first && third != second));
}

TEST_CASE("waiting raises the level once a minute, so that nothing starves behind what keeps coming") {
  placement p;
  ready_job old{"old", "t", 0, {}, {}, 0};
  p.add(old, 0);
  p.put_node(gpu_node("n", {}));
  auto fresh = [&](int64_t minute, int32_t priority) {
    return ready_job{"fresh" + std::to_string(minute), "t", priority, {}, {}, minute * 60'000};
  };
  auto first = [&](int64_t minute, int32_t priority) {
    p.add(fresh(minute, priority), minute * 60'000);
    auto id = p.match(1, minute * 60'000).at(0).job_id;
    p.release("n", id);
    return id;
  };
  CHECK(first(1, 9) == "fresh1");
  CHECK(first(5, 6) == "fresh5");
  CHECK(first(6, 6) == "old");  // level 6 by now, and the longest waiting there
}

TEST_CASE("within a level the tenant with the fewest running jobs goes first") {
  placement p;
  auto n = gpu_node("n", {});
  n.slots = 3;
  p.put_node(n);
  for (auto* id : {"a1", "a2", "a3", "a4"}) p.add({id, "a"});
  CHECK(p.match(3).size() == 3);
  p.add({"b1", "b"});
  p.add({"b2", "b"});
  p.release("n", "a1");
  CHECK(p.match(9).at(0).job_id == "b1");  // though a4 waits longer
  p.release("n", "a2");
  CHECK(p.match(9).at(0).job_id == "a4");  // one each, and a has waited longer for its turn
}

TEST_CASE("a tenant at its limit waits for its own jobs to end, and others pass it") {
  placement p;
  p.limit_tenants(2);
  p.put_node(gpu_node("n", {}));
  for (auto* id : {"a1", "a2", "a3"}) p.add({id, "a", 9});
  p.add({"b1", "b", 0});
  CHECK(p.match(9).size() == 3);
  CHECK_FALSE(p.node_of("b1").empty());
  CHECK(p.node_of("a3").empty());
  p.release("n", "b1");
  CHECK(p.match(9).empty());
  p.release("n", "a2");
  CHECK(p.match(9).at(0).job_id == "a3");
}

TEST_CASE("a job that was passed over at its tenant's limit is not forgotten when room came before") {
  placement p;
  p.limit_tenants(1);
  p.put_node(gpu_node("n", {24}));
  p.put_node(gpu_node("m", {}));
  CHECK(go(p, gpu_job("gpu", 24, "b")) == "n 0:24000");
  CHECK(go(p, gpu_job("next", 24, "a")).empty());  // no room
  CHECK(go(p, ready_job{"cpu", "a"}) != "");
  p.release("n", "gpu");
  CHECK(p.match(9).empty());  // it fits now, but its tenant is at the limit
  p.release(p.node_of("cpu"), "cpu");
  CHECK(p.match(9).at(0).job_id == "next");
}

TEST_CASE("a new board books exactly what the store says, whatever it would have chosen itself") {
  placement p;
  auto running = gpu_job("running", 20);
  running.devices = "1:20000";
  auto broken = gpu_job("broken", 20);
  broken.devices = "7:20000,1:9000";
  p.put_node(gpu_node("n", {24, 24}), {running, broken});
  auto market = p.market();
  REQUIRE(market.devices.size() == 2);
  CHECK(market.devices[0].free_mb == 24'000);
  CHECK(market.devices[1].free_mb == 4'000);
  CHECK(p.free_slots() == 14);
  CHECK(go(p, gpu_job("next", 24)) == "n 0:24000");
  p.release("n", "running");
  p.release("n", "broken");
  CHECK(p.market().devices[1].free_mb == 24'000);
  CHECK(p.adopt("n", running));
  CHECK_FALSE(p.adopt("n", running));
  CHECK_FALSE(p.adopt("nowhere", broken));
  CHECK(p.market().devices[1].free_mb == 4'000);
}

TEST_CASE("the tenant's next job goes where its last one was, among equals") {
  placement p;
  for (auto* id : {"a", "b", "c"}) p.put_node(gpu_node(id, {24}));
  CHECK(go(p, gpu_job("1", 20, "x")) == "a 0:20000");
  CHECK(go(p, gpu_job("2", 20, "y")) == "b 0:20000");
  p.release("a", "1");
  p.release("b", "2");
  CHECK(go(p, gpu_job("3", 20, "y")) == "b 0:20000");
}

TEST_CASE("shares are read as they are written, and nothing else is") {
  std::vector<gpu_share> two{{0, 24'000}, {1, 1}};
  CHECK(format_shares(two) == "0:24000,1:1");
  CHECK(parse_shares("0:24000,1:1") == two);
  CHECK(parse_shares("")->empty());
  for (auto* bad : {"0", "0:", ":1", "0:1,", ",0:1", "-1:5", "0:-5", "0:1 ", "a:1", "0:1;1:2", "99999999999:1"})
    CHECK_FALSE(parse_shares(bad));
}
