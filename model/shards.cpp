// Who is dead, which shards to take, which to give.
#include "model/shards.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr int64_t stalled_ms = 4'000;  // so long without a look: we were asleep, or the database was away
constexpr size_t given_at_a_time = 8;  // a hand-off makes its jobs wait for a moment

}  // namespace

int32_t shard_of(std::string_view job_id) {
  uint64_t hash = 0xcbf29ce484222325;
  for (auto c : job_id) {
    hash ^= static_cast<unsigned char>(c);
    hash *= 0x100000001b3;
  }
  return static_cast<int32_t>(hash % job_shards);
}

/// After a stall of our own nobody is under suspicion: the others get all their time again.
void cluster_planner::watch(const cluster_view& view, const std::string& me, const std::set<std::string>& linked,
                            int64_t now_ms) {
  auto stalled = now_ms - looked_ms_ >= stalled_ms;
  looked_ms_ = now_ms;
  std::map<std::string, seen> next;
  for (const auto& g : view.gateways) {
    if (g.id == me) continue;
    auto old = others_.find(g.id);
    auto same = old != others_.end() && old->second.beat == g.beat && !stalled;
    auto& x = next[g.id];
    x = {g.beat, same ? old->second.since_ms : now_ms, old != others_.end() && old->second.was_linked};
    if (linked.contains(g.id)) x.was_linked = true;
  }
  others_ = std::move(next);
}

cluster_plan cluster_planner::look(const cluster_view& view, const std::string& me, const std::set<std::string>& linked,
                                   int64_t now_ms) {
  watch(view, me, linked, now_ms);
  cluster_plan plan;
  std::map<std::string, int32_t> owned;  // by those that live
  for (const auto& g : view.gateways) {
    owned[g.id] = 0;
    if (g.id == me) continue;
    const auto& x = others_.at(g.id);
    auto broken = x.was_linked && !linked.contains(g.id);
    if (now_ms - x.since_ms >= (broken ? broken_ms_ : ttl_ms_)) plan.remove.push_back(g);
  }
  if (!owned.contains(me)) return plan;
  std::vector<int32_t> mine;
  int32_t orphans = 0;
  auto duty_free = false;
  for (const auto& s : view.shards) {
    auto owner = owned.find(s.owner);
    if (owner == owned.end()) ++orphans;
    if (s.shard == duty_shard) duty_free = owner == owned.end();
    if (owner == owned.end() || s.shard == duty_shard) continue;
    ++owner->second;
    if (s.owner == me) mine.push_back(s.shard);
  }
  auto gateways = static_cast<int32_t>(owned.size());
  auto least = job_shards / gateways;
  auto most = least + (job_shards % gateways == 0 ? 0 : 1);
  auto room = std::max(0, most - static_cast<int32_t>(mine.size())) + (duty_free ? 1 : 0);
  plan.take = std::min(orphans, room);
  for (auto& [id, shards] : owned) {
    if (id == me || !linked.contains(id)) continue;
    auto& count = shards;  // a name that a lambda may use
    auto needs = [&] {
      auto have = static_cast<int32_t>(mine.size());
      return (count < least && have > least) || (count < most && have > most);
    };
    for (; needs() && plan.give.size() < given_at_a_time; ++count) {
      plan.give[mine.back()] = id;
      mine.pop_back();
    }
  }
  return plan;
}

}  // namespace troupe
