// Locks are taken in one order: writing, gateway, shards. Takeovers never wait for a lock, so nobody waits in a circle.
#include "persistence/fence.hpp"

#include <set>

#include "config/world.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

fence::fence(connection& db, const seat& mine)
    : seat_{mine},
      holder_{random_hex(8)},
      lock_writing_{db, "SELECT holder FROM writing WHERE one=1<<pg: FOR UPDATE>>"},
      take_writing_{db, "UPDATE writing SET holder=? WHERE one=1"},
      lock_gateway_{db, "SELECT 1 FROM gateways WHERE id=?<<pg: FOR KEY SHARE>>"},
      lock_shards_{db,
                   "SELECT shard,owner,epoch FROM shards WHERE owner=?"
                   "<<pg: AND shard = ANY(?::bigint[]) ORDER BY shard FOR KEY SHARE>><<lite: AND ?<>''>>"} {}

bool fence::enter(const std::vector<const change*>& coming) {
  std::string last;
  lock_writing_.first([&](row& r) { r(last); });
  gateway_ = seat_.gateway();
  if (gateway_.empty() || !lock_gateway_.any(gateway_)) throw store_unavailable{"this gateway lost its seat"};
  ours_.clear();
  std::set<int64_t> shards;
  for (const auto* c : coming)
    if (c->shard >= 0) shards.insert(c->shard);
  if (!shards.empty()) ask({shards.begin(), shards.end()});
  if (last == holder_) return true;
  take_writing_.run(holder_);
  return false;
}

bool fence::allows(int32_t shard) {
  auto known = ours_.find(shard);
  if (known != ours_.end()) return known->second;
  ask({shard});
  return ours_.at(shard);
}

void fence::ask(const std::vector<int64_t>& shards) {
  std::string list;
  for (auto s : shards) {
    ours_[static_cast<int32_t>(s)] = false;
    list += (list.empty() ? "{" : ",") + std::to_string(s);
  }
  auto take = [&](row& r) {
    shard_row x;
    r(x);
    ours_[x.shard] = seat_.epoch(x.shard) == x.epoch;
  };
  lock_shards_.each(take, gateway_, list + "}");
}

}  // namespace troupe::sql
