// Which gateway has what.
#include "actors/house.hpp"

namespace troupe {

std::string cluster_map::me() const { return alone_ ? alone_id_ : seat_.gateway(); }

bool cluster_map::owns(int32_t shard) const {
  if (alone_) return true;
  std::lock_guard lock{guard_};
  return !leaving_.contains(shard) && seat_.epoch(shard).has_value();
}

bool cluster_map::is_alive(const std::string& gateway) const {
  if (alone_) return gateway == alone_id_;
  std::lock_guard lock{guard_};
  return alive_.contains(gateway);
}

gate_actor cluster_map::gate_of(int32_t shard) const {
  std::lock_guard lock{guard_};
  auto found = gates_.find(owners_.at(static_cast<size_t>(shard)));
  return found == gates_.end() ? gate_actor{} : found->second;
}

gate_actor cluster_map::gate(const std::string& gateway) const {
  std::lock_guard lock{guard_};
  auto found = gates_.find(gateway);
  return found == gates_.end() ? gate_actor{} : found->second;
}

std::vector<gate_actor> cluster_map::others() const {
  std::lock_guard lock{guard_};
  std::vector<gate_actor> all;
  for (auto& [id, gate] : gates_) all.push_back(gate);
  return all;
}

std::vector<std::string> cluster_map::addresses() const {
  std::lock_guard lock{guard_};
  std::vector<std::string> all;
  for (auto& [id, address] : alive_) all.push_back(address);
  return all;
}

void cluster_map::set_view(const std::string& me, const cluster_view& view) {
  std::lock_guard lock{guard_};
  seat_.set(me, view.shards);
  for (auto& s : view.shards) owners_.at(static_cast<size_t>(s.shard)) = s.owner;
  alive_.clear();
  for (auto& g : view.gateways) alive_[g.id] = g.address;
  std::erase_if(leaving_, [&](int32_t shard) { return !seat_.epoch(shard); });
}

void cluster_map::hand_over(int32_t shard) {
  std::lock_guard lock{guard_};
  leaving_.insert(shard);
}

void cluster_map::keep(int32_t shard) {
  std::lock_guard lock{guard_};
  leaving_.erase(shard);
}

void cluster_map::link(const std::string& gateway, gate_actor gate) {
  std::lock_guard lock{guard_};
  gates_[gateway] = std::move(gate);
}

void cluster_map::unlink(const std::string& gateway) {
  gate_actor last;  // dropped outside the lock
  std::lock_guard lock{guard_};
  auto found = gates_.find(gateway);
  if (found == gates_.end()) return;
  last = std::move(found->second);
  gates_.erase(found);
}

}  // namespace troupe
