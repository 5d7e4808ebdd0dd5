// Who takes and gives which shards, and who counts as dead.
#include "model/shards.hpp"

#include <doctest/doctest.h>

#include <algorithm>
#include <random>

using namespace troupe;

namespace {

/// A database in memory and its gateways, each with its own clock and view.
struct small_cluster {
  cluster_view rows;
  std::map<std::string, cluster_planner> planners;
  std::set<std::string> asleep;
  int64_t now = 1'000'000;

  small_cluster() {
    for (int32_t i = 0; i < shard_count; ++i) rows.shards.push_back({i, "", 0});
  }
  void enter(const std::string& id) {
    rows.gateways.push_back({id, id, "127.0.0.1:1", "", 1});
    planners.emplace(id, cluster_planner{8'000, 3'000});
  }
  std::set<std::string> linked(const std::string& me) const {
    std::set<std::string> ids;
    for (auto& g : rows.gateways)
      if (g.id != me && !asleep.contains(g.id)) ids.insert(g.id);
    return ids;
  }
  bool is_member(const std::string& id) const {
    return std::any_of(rows.gateways.begin(), rows.gateways.end(), [&](auto& g) { return g.id == id; });
  }
  void one_second() {
    now += 1'000;
    for (auto& [id, planner] : planners) {
      if (asleep.contains(id) || !is_member(id)) continue;
      for (auto& g : rows.gateways)
        if (g.id == id) ++g.beat;
      auto plan = planner.look(rows, id, linked(id), now);
      for (auto& dead : plan.remove) std::erase_if(rows.gateways, [&](auto& g) { return g.id == dead.id; });
      for (auto s = rows.shards.rbegin(); s != rows.shards.rend() && plan.take > 0; ++s) {
        if (is_member(s->owner)) continue;
        *s = {s->shard, id, s->epoch + 1};
        --plan.take;
      }
      for (auto& [shard, to] : plan.give) {
        auto& s = rows.shards.at(static_cast<size_t>(shard));
        REQUIRE(s.owner == id);
        s = {shard, to, s.epoch + 1};
      }
    }
  }
  void seconds(int count) {
    for (int i = 0; i < count; ++i) one_second();
  }
  std::map<std::string, int> owned() const {
    std::map<std::string, int> count;
    for (auto& s : rows.shards)
      if (s.shard != duty_shard) ++count[s.owner];
    return count;
  }
};

}  // namespace

TEST_CASE("the shard of a job never changes, and jobs are spread evenly") {
  CHECK(shard_of("") == 37);
  CHECK(shard_of("job_0123456789") == shard_of("job_0123456789"));
  std::map<int32_t, int> count;
  for (int i = 0; i < 64'000; ++i) ++count[shard_of("job_" + std::to_string(i * 7919))];
  REQUIRE(count.size() == 64);
  for (auto& [shard, n] : count) {
    CHECK(n > 800);
    CHECK(n < 1'200);
  }
}

TEST_CASE("the first gateway takes everything, and gives each that comes a fair share") {
  small_cluster c;
  c.enter("a");
  c.seconds(1);
  CHECK(c.owned() == std::map<std::string, int>{{"a", 64}});
  CHECK(c.rows.shards[duty_shard].owner == "a");
  c.enter("b");
  c.seconds(10);
  CHECK(c.owned() == std::map<std::string, int>{{"a", 32}, {"b", 32}});
  c.enter("c");
  c.seconds(10);
  auto shares = c.owned();
  for (auto id : {"a", "b", "c"}) {
    CHECK(shares[id] >= 21);
    CHECK(shares[id] <= 22);
  }
  auto before = c.rows.shards;
  c.seconds(60);  // and then it is quiet
  for (size_t i = 0; i < before.size(); ++i) CHECK(c.rows.shards[i].epoch == before[i].epoch);
}

TEST_CASE("a gateway whose beat stands still is removed after its time, and its shards are shared out") {
  small_cluster c;
  for (auto id : {"a", "b", "c"}) c.enter(id);
  c.seconds(20);
  c.planners.erase("b");  // linked still: nobody noticed anything but the beat
  c.seconds(7);
  CHECK(c.is_member("b"));
  c.seconds(3);
  CHECK(!c.is_member("b"));
  CHECK(c.owned() == std::map<std::string, int>{{"a", 32}, {"c", 32}});
  CHECK((c.rows.shards[duty_shard].owner == "a" || c.rows.shards[duty_shard].owner == "c"));
}

TEST_CASE("when its connection broke, too, it is removed sooner") {
  small_cluster c;
  for (auto id : {"a", "b"}) c.enter(id);
  c.seconds(20);
  c.asleep.insert("b");
  c.seconds(5);
  CHECK(!c.is_member("b"));
}

TEST_CASE("after a stall of our own nobody is suspected for what we did not see") {
  small_cluster c;
  for (auto id : {"a", "b"}) c.enter(id);
  c.seconds(20);
  c.now += 60'000;  // both slept; a looks before b has beaten
  c.one_second();
  CHECK(c.is_member("a"));
  CHECK(c.is_member("b"));
}

TEST_CASE("whatever comes and goes, soon every shard has one living owner and nobody has much more than others") {
  for (unsigned seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    std::minstd_rand random{seed};
    small_cluster c;
    int name = 0;
    c.enter("g0");
    for (int step = 0; step < 30; ++step) {
      auto dice = random() % 4;
      if (dice == 0 && c.planners.size() < 6) c.enter("g" + std::to_string(++name));
      if (dice == 1 && c.planners.size() > 1) {
        auto victim = std::next(c.planners.begin(), static_cast<long>(random() % c.planners.size()))->first;
        c.planners.erase(victim);
        c.asleep.insert(victim);
      }
      c.seconds(static_cast<int>(random() % 5));
    }
    c.seconds(60);
    auto shares = c.owned();
    int most = 0, least = 64;
    for (auto& [id, n] : shares) {
      CHECK(c.planners.contains(id));
      most = std::max(most, n);
      least = std::min(least, n);
    }
    CHECK(shares.size() == c.planners.size());
    CHECK(most - least <= 1);
    CHECK(c.planners.contains(c.rows.shards[duty_shard].owner));
  }
}
