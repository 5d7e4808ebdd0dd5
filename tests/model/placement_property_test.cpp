// Random nodes, jobs, ends and losses beside a plain count: what is given never passes what is there, what is given
// back is free again, and nothing that fits is left waiting.
#include <doctest/doctest.h>

#include <map>
#include <random>

#include "model/placement.hpp"

using namespace troupe;

namespace {

struct walk {
  std::mt19937_64 random;
  placement board;
  std::map<std::string, node_offer> nodes;
  std::map<std::string, ready_job> waiting, running;
  std::map<std::string, placed> given;
  time_ms now_ms = 1'000'000;
  int made = 0;

  explicit walk(uint64_t seed) : random(seed) {}
  int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>{least, most}(random); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <class Map>
  std::string any_of(const Map& m) {
    return std::next(m.begin(), pick(0, static_cast<int64_t>(m.size()) - 1))->first;
  }

  node_offer offer(std::string id) {
    node_offer n;
    n.id = std::move(id);
    n.slots = static_cast<int32_t>(pick(1, 6));
    n.rate = pick(50, 150);
    n.region = chance(50) ? "eu" : "us";
    n.cpu_cores = static_cast<int32_t>(pick(0, 8));
    n.memory_mb = pick(0, 64);
    n.trust_ppm = static_cast<int32_t>(pick(0, 10)) * 100'000;
    n.draining = chance(5);
    if (chance(30)) n.labels = {{"disk", "nvme"}};
    for (auto i = pick(0, 4); i > 0; --i) n.gpus.push_back({chance(60) ? "a" : "b", pick(1, 4) * 20});
    return n;
  }
  void come() {
    auto n = offer("n" + std::to_string(pick(0, 7)));
    if (nodes.contains(n.id)) return;
    nodes[n.id] = n;
    board.put_node(n);
  }
  void change() {
    if (nodes.empty()) return;
    auto n = offer(any_of(nodes));
    auto& old = nodes[n.id];
    n.gpus = old.gpus;
    n.slots = old.slots;
    n.cpu_cores = old.cpu_cores;
    n.memory_mb = old.memory_mb;
    old = n;
    board.change_node(n);
  }
  void go(bool back) {
    if (nodes.empty()) return;
    auto id = any_of(nodes);
    std::vector<ready_job> busy;
    for (auto x = given.begin(); x != given.end();) {
      if (x->second.node_id != id) {
        ++x;
        continue;
      }
      auto j = running.at(x->first);
      j.devices = format_shares(x->second.devices);
      busy.push_back(j);
      if (back) {
        ++x;
        continue;
      }
      running.erase(x->first);
      x = given.erase(x);
    }
    if (back) return board.put_node(nodes.at(id), busy);  // a new board would be told the same
    board.remove_node(id);
    nodes.erase(id);
  }
  void submit() {
    ready_job j;
    j.id = "j" + std::to_string(made++);
    j.user_id = "t" + std::to_string(pick(0, 4));
    j.priority = static_cast<int32_t>(pick(0, 9));
    j.since_ms = now_ms;
    if (chance(60)) {
      j.needs.gpu_type = chance(80) ? (chance(50) ? "a" : "b") : "";
      j.needs.gpu_count = static_cast<int32_t>(pick(0, 3));
      j.needs.vram_mb = pick(0, 4) * 15;
      j.needs.exclusive = chance(15);
      j.needs.spread = chance(20);
    }
    if (chance(30)) j.needs.rate_max = pick(60, 140);
    if (chance(30)) j.needs.cpu_cores = static_cast<int32_t>(pick(1, 4));
    if (chance(30)) j.needs.memory_mb = pick(1, 32);
    if (chance(20)) j.needs.min_trust_ppm = 500'000;
    if (chance(20)) j.needs.region = "eu";
    if (chance(10)) j.needs.labels = {{"disk", "nvme"}};
    auto from = chance(15) && !nodes.empty() ? any_of(nodes) : std::string{};
    waiting[j.id] = j;
    CHECK(board.add(j, now_ms, from));
  }
  void take(const placed& g) {
    REQUIRE(waiting.contains(g.job_id));
    REQUIRE(nodes.contains(g.node_id));
    CHECK_FALSE(nodes[g.node_id].draining);
    CHECK(nodes[g.node_id].trust_ppm >= waiting[g.job_id].needs.min_trust_ppm);
    running[g.job_id] = waiting[g.job_id];
    given[g.job_id] = g;
    waiting.erase(g.job_id);
  }
  void end() {
    if (given.empty()) return;
    auto id = any_of(given);
    board.release(given[id].node_id, id);
    given.erase(id);
    running.erase(id);
  }
  void withdraw() {
    if (waiting.empty()) return;
    auto id = any_of(waiting);
    board.remove(id);
    waiting.erase(id);
  }
  /// What is free, counted anew from what was given.
  void check() {
    auto market = board.market();
    size_t at = 0;
    for (auto& [id, n] : nodes) {
      std::vector<int64_t> free_mb;
      for (auto& g : n.gpus) free_mb.push_back(g.vram_mb);
      int64_t slots = n.slots, cores = n.cpu_cores, memory_mb = n.memory_mb;
      for (auto& [job, g] : given) {
        if (g.node_id != id) continue;
        auto& d = running.at(job).needs;
        for (auto& x : g.devices) free_mb.at(static_cast<size_t>(x.device)) -= x.vram_mb;
        --slots, cores -= d.cpu_cores, memory_mb -= d.memory_mb;
        CHECK(g.devices.size() == (wants_gpu(d) ? static_cast<size_t>(std::max(1, d.gpu_count)) : 0));
      }
      CHECK((slots >= 0 && cores >= 0 && memory_mb >= 0));
      for (auto mb : free_mb) {
        CHECK(mb >= 0);
        REQUIRE(at < market.devices.size());
        CHECK(market.devices[at].node_id == id);
        CHECK(market.devices[at++].free_mb == mb);
      }
    }
    CHECK(at == market.devices.size());
    CHECK(board.waiting() == waiting.size());
  }
  /// A board that has just matched everything agrees with one that never knew anything: nobody else fits.
  void check_nothing_fits() {
    now_ms += placement::avoid_ms;  // nobody avoids anything any more
    for (auto all = false; !all; all = !board.unfinished())
      for (auto& g : board.match(4, now_ms)) take(g);
    placement fresh;
    for (auto& [id, n] : nodes) {
      std::vector<ready_job> busy;
      for (auto& [job, g] : given) {
        if (g.node_id != id) continue;
        busy.push_back(running.at(job));
        busy.back().devices = format_shares(g.devices);
      }
      fresh.put_node(n, busy);
    }
    for (auto& [id, j] : waiting) fresh.add(j, now_ms);
    CHECK(fresh.match(1, now_ms).empty());
  }
};

}  // namespace

TEST_CASE("in long random walks nothing is given twice, everything comes back, and nothing that fits waits") {
  for (uint64_t seed = 1; seed <= 30; ++seed) {
    INFO("seed ", seed);
    walk w{seed};
    w.board.limit_tenants(0);
    for (int i = 0; i < 1'000; ++i) {
      auto what = w.pick(0, 99);
      w.now_ms += w.pick(0, 5'000);
      if (what < 8)
        w.come();
      else if (what < 11)
        w.go(w.chance(50));
      else if (what < 14)
        w.change();
      else if (what < 50)
        w.submit();
      else if (what < 57)
        w.withdraw();
      else if (what < 78)
        w.end();
      else
        for (auto& g : w.board.match(static_cast<size_t>(w.pick(1, 8)), w.now_ms)) w.take(g);
      w.check();
      if (i % 25 == 0) w.check_nothing_fits();
    }
    while (!w.given.empty()) w.end();
    w.check();
    for (auto& d : w.board.market().devices) CHECK(d.free_mb == d.vram_mb);
  }
}
