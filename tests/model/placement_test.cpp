// Who gets which node: priority, tenants in turn, what a job needs, and room that is never promised twice.
#include <doctest/doctest.h>

#include <algorithm>
#include <map>
#include <random>

#include "model/placement.hpp"

using namespace troupe;

namespace {

node_offer cpu_node(std::string id, int32_t slots, amount rate = 100) {
  node_offer n;
  n.id = std::move(id);
  n.slots = slots;
  n.rate = rate;
  return n;
}

ready_job simple(std::string id, std::string tenant = "t", int32_t priority = 5) {
  return {std::move(id), std::move(tenant), priority, {}};
}

std::vector<std::string> jobs_of(const std::vector<placed>& all) {
  std::vector<std::string> ids;
  for (auto& x : all) ids.push_back(x.job_id);
  return ids;
}

using names = std::vector<std::string>;

}  // namespace

TEST_CASE("higher priority goes first, equal priority in the order of arrival") {
  placement p;
  p.add(simple("a", "t", 1));
  p.add(simple("b", "t", 9));
  p.add(simple("c", "t", 5));
  p.add(simple("d", "t", 9));
  p.put_node(cpu_node("n", 10));
  CHECK(jobs_of(p.match(10)) == names{"b", "d", "c", "a"});
}

TEST_CASE("tenants take turns, however many jobs one of them has") {
  placement p;
  for (int i = 0; i < 100; ++i) p.add(simple("big" + std::to_string(i), "big"));
  p.add(simple("small0", "small"));
  p.add(simple("small1", "small"));
  p.put_node(cpu_node("n", 4));
  CHECK(jobs_of(p.match(10)) == names{"big0", "small0", "big1", "small1"});
}

TEST_CASE("a job of high priority that fits nowhere does not hold up the others") {
  placement p;
  auto picky = simple("picky", "t", 9);
  picky.needs.region = "moon";
  p.add(picky);
  p.add(simple("plain", "t", 1));
  p.put_node(cpu_node("n", 1));
  CHECK(jobs_of(p.match(10)) == names{"plain"});
  CHECK(p.waiting() == 1);
  auto moon = cpu_node("m", 1);
  moon.region = "moon";
  p.put_node(moon);
  CHECK(jobs_of(p.match(10)) == names{"picky"});
}

TEST_CASE("only nodes at or below the price bound match, and the cheapest of them wins") {
  placement p;
  auto j = simple("j");
  j.needs.rate_max = 100;
  p.add(j);
  p.put_node(cpu_node("dear", 1, 101));
  CHECK(p.match(10).empty());
  p.put_node(cpu_node("exact", 1, 100));
  p.put_node(cpu_node("cheap", 1, 40));
  auto grants = p.match(10);
  REQUIRE(grants.size() == 1);
  CHECK(grants[0].node_id == "cheap");
}

TEST_CASE("equal prices share the load by free slots") {
  placement p;
  p.put_node(cpu_node("a", 4));
  p.put_node(cpu_node("b", 4));
  for (int i = 0; i < 6; ++i) p.add(simple("j" + std::to_string(i)));
  int on_a = 0;
  for (auto& g : p.match(10)) on_a += g.node_id == "a";
  CHECK(on_a == 3);
}

TEST_CASE("labels, region and model must all be there") {
  placement p;
  auto n = cpu_node("n", 9);
  n.region = "eu";
  n.labels = {{"disk", "nvme"}, {"zone", "1"}};
  n.models = {"llama"};
  p.put_node(n);
  auto wants = [&](demand d) {
    static int count = 0;
    auto id = "w" + std::to_string(count++);
    p.add({id, "t", 5, std::move(d)});
    auto fits = !p.match(1).empty();
    p.remove(id);
    p.release("n", id);
    return fits;
  };
  demand d;
  d.labels = {{"disk", "nvme"}};
  CHECK(wants(d));
  d.labels = {{"disk", "nvme"}, {"zone", "1"}};
  d.region = "eu";
  d.model = "llama";
  CHECK(wants(d));
  auto other = d;
  other.labels = {{"disk", "hdd"}};
  CHECK_FALSE(wants(other));
  other = d;
  other.labels.push_back({"zone2", "1"});
  CHECK_FALSE(wants(other));
  other = d;
  other.region = "us";
  CHECK_FALSE(wants(other));
  other = d;
  other.model = "gpt";
  CHECK_FALSE(wants(other));
}

TEST_CASE("a job that says no VRAM gets whole devices, and two small ones share one") {
  placement p;
  auto n = cpu_node("n", 10);
  n.gpus = {{"h200", 100}, {"h200", 100}};
  p.put_node(n);
  auto whole = simple("whole"), half = simple("half"), other_half = simple("other"), late = simple("late");
  whole.needs.gpu_type = half.needs.gpu_type = other_half.needs.gpu_type = late.needs.gpu_type = "h200";
  half.needs.vram_mb = other_half.needs.vram_mb = 50;
  p.add(half);
  p.add(other_half);
  CHECK(p.match(10).size() == 2);
  p.add(whole);
  CHECK(p.match(10).size() == 1);  // both halves are on one device
  p.add(late);
  CHECK(p.match(10).empty());
  p.release("n", "half");
  CHECK(p.match(10).empty());
  p.release("n", "whole");
  CHECK(jobs_of(p.match(10)) == names{"late"});
}

TEST_CASE("several devices are given together or not at all") {
  placement p;
  auto n = cpu_node("n", 10);
  n.gpus = {{"a", 80}, {"a", 80}, {"b", 80}};
  p.put_node(n);
  auto two = simple("two"), three = simple("three");
  two.needs.gpu_type = three.needs.gpu_type = "a";
  two.needs.gpu_count = 2;
  three.needs.gpu_count = 3;
  p.add(three);
  CHECK(p.match(10).empty());
  p.add(two);
  CHECK(jobs_of(p.match(10)) == names{"two"});
}

TEST_CASE("a job is known once: a second add is refused while it waits or is placed") {
  placement p;
  CHECK(p.add(simple("j")));
  CHECK_FALSE(p.add(simple("j", "other", 9)));
  p.put_node(cpu_node("n", 1));
  CHECK(p.match(10).size() == 1);
  CHECK(p.node_of("j") == "n");
  CHECK_FALSE(p.add(simple("j")));
  p.release("n", "j");
  CHECK(p.node_of("j").empty());
  CHECK(p.add(simple("j")));
}

TEST_CASE("a removed job is not matched, and its tenant keeps its other jobs") {
  placement p;
  p.add(simple("a"));
  p.add(simple("b"));
  p.add(simple("c", "other"));
  p.remove("a");
  p.remove("a");
  p.remove("never");
  p.put_node(cpu_node("n", 5));
  CHECK(jobs_of(p.match(10)) == names{"b", "c"});
  CHECK(p.waiting() == 0);
}

TEST_CASE("a release at the wrong node or of another job frees nothing") {
  placement p;
  p.put_node(cpu_node("n", 1));
  p.put_node(cpu_node("m", 1, 200));
  p.add(simple("a"));
  CHECK(p.match(1).at(0).node_id == "n");
  p.release("m", "a");
  p.release("n", "b");
  p.release("nowhere", "a");
  CHECK(p.free_slots() == 1);
  p.release("n", "a");
  p.release("n", "a");
  CHECK(p.free_slots() == 2);
}

TEST_CASE("a removed node takes what was placed there out of the books") {
  placement p;
  p.put_node(cpu_node("n", 2));
  p.add(simple("a"));
  CHECK(p.match(1).size() == 1);
  p.remove_node("n");
  CHECK(p.free_slots() == 0);
  CHECK(p.find_node("n") == nullptr);
  CHECK(p.add(simple("a")));
  CHECK(p.match(1).empty());
  p.put_node(cpu_node("n", 2));
  p.put_node(cpu_node("m", 2));
  CHECK(p.match(1).size() == 1);
  p.remove_node("n");
  p.remove_node("m");
  CHECK(p.free_slots() == 0);
  CHECK_FALSE(p.knows("a"));
}

TEST_CASE("a node that comes back brings the jobs it still runs") {
  placement p;
  auto n = cpu_node("n", 2);
  n.gpus = {{"a", 80}};
  auto running = simple("running");
  running.needs.gpu_type = "a";
  running.needs.vram_mb = 60;
  p.put_node(n, {running});
  CHECK(p.free_slots() == 1);
  auto more = running;
  more.id = "more";
  p.add(more);
  CHECK(p.match(1).empty());
  p.release("n", "running");
  CHECK(p.match(1).size() == 1);
}

TEST_CASE("at most as many are matched as were asked for") {
  placement p;
  p.put_node(cpu_node("n", 100));
  for (int i = 0; i < 50; ++i) p.add(simple("j" + std::to_string(i)));
  CHECK(p.match(7).size() == 7);
  CHECK(p.match(0).empty());
  CHECK(p.match(1'000).size() == 43);
}

namespace {

/// The board beside a naive count of what it has promised.
struct walk {
  std::mt19937_64 random;
  placement board;
  std::map<std::string, node_offer> nodes;
  std::map<std::string, ready_job> waiting, placed_jobs;
  std::map<std::string, std::string> where;
  int made = 0;

  explicit walk(uint64_t seed) : random(seed) {}
  int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>{least, most}(random); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <class Map>
  std::string any_of(const Map& m) {
    return std::next(m.begin(), pick(0, static_cast<int64_t>(m.size()) - 1))->first;
  }

  void come() {
    auto n = cpu_node("n" + std::to_string(pick(0, 5)), static_cast<int32_t>(pick(1, 5)), pick(50, 150));
    if (nodes.contains(n.id)) return;
    for (auto i = pick(0, 3); i > 0; --i) n.gpus.push_back({chance(50) ? "a" : "b", pick(1, 4) * 20});
    nodes[n.id] = n;
    board.put_node(n);
  }
  void go() {
    if (nodes.empty()) return;
    auto id = any_of(nodes);
    board.remove_node(id);
    nodes.erase(id);
    std::erase_if(where, [&](auto& x) { return x.second == id && placed_jobs.erase(x.first) == 1; });
  }
  void submit() {
    auto j = simple("j" + std::to_string(made++), "t" + std::to_string(pick(0, 3)), static_cast<int32_t>(pick(0, 9)));
    if (chance(60)) {
      j.needs.gpu_type = chance(70) ? (chance(50) ? "a" : "b") : "";
      j.needs.gpu_count = static_cast<int32_t>(pick(0, 2));
      j.needs.vram_mb = pick(0, 4) * 15;
    }
    if (chance(30)) j.needs.rate_max = pick(60, 140);
    waiting[j.id] = j;
    CHECK(board.add(j));
  }
  void take(const placed& g) {
    REQUIRE(waiting.contains(g.job_id));
    REQUIRE(nodes.contains(g.node_id));
    auto& j = waiting[g.job_id];
    auto bound = j.needs.rate_max;
    CHECK((bound == 0 || nodes[g.node_id].rate <= bound));
    placed_jobs[g.job_id] = j;
    where[g.job_id] = g.node_id;
    waiting.erase(g.job_id);
  }
  void leave() {
    if (placed_jobs.empty()) return;
    auto id = any_of(placed_jobs);
    board.release(where[id], id);
    placed_jobs.erase(id);
    where.erase(id);
  }
  void withdraw() {
    if (waiting.empty()) return;
    auto id = any_of(waiting);
    board.remove(id);
    waiting.erase(id);
  }
  /// Slots and the sum of VRAM per model: a whole device counts as the smallest of its model, which is a lower bound.
  void check_promises() {
    int32_t free = 0;
    for (auto& [id, n] : nodes) {
      int32_t used = 0;
      std::map<std::string, int64_t> has, given;
      for (auto& g : n.gpus) has[g.model] += g.vram_mb, has["any"] += g.vram_mb;
      for (auto& [job, at] : where) {
        if (at != id) continue;
        ++used;
        auto& d = placed_jobs[job].needs;
        if (d.gpu_type.empty() && d.gpu_count == 0 && d.vram_mb == 0) continue;
        auto count = std::max(1, d.gpu_count);
        auto each = d.vram_mb > 0 ? d.vram_mb : 20;
        if (!d.gpu_type.empty()) given[d.gpu_type] += each * count;
        given["any"] += each * count;
      }
      CHECK(used <= n.slots);
      for (auto& [model, mb] : given) CHECK(mb <= has[model]);
      free += n.slots - used;
    }
    CHECK(board.free_slots() == free);
    CHECK(board.waiting() == waiting.size());
  }
};

}  // namespace

TEST_CASE("in a long random walk no slot and no VRAM is ever promised twice") {
  for (uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed ", seed);
    walk w{seed};
    for (int i = 0; i < 1'500; ++i) {
      auto what = w.pick(0, 99);
      if (what < 10)
        w.come();
      else if (what < 13)
        w.go();
      else if (what < 55)
        w.submit();
      else if (what < 62)
        w.withdraw();
      else if (what < 80)
        w.leave();
      else
        for (auto& g : w.board.match(static_cast<size_t>(w.pick(1, 8)))) w.take(g);
      w.check_promises();
    }
    w.nodes.clear();
  }
}
