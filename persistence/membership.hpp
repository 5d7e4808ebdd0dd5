// A gateway's seat among those that share a database: which live, who owns which shard, and the fence that keeps the
// writes of whoever lost its seat out of the books. Tables: gateways, shards, writing. Only on PostgreSQL; with SQLite
// there is one gateway.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "model/shards.hpp"

namespace troupe {

/// What this process believes to own at this moment. The writer fences with it; the store has the last word.
/// Thread-safe.
class seat {
public:
  /// Empty: not seated at present. Of a gateway that is alone: never asked for.
  std::string gateway() const {
    std::lock_guard lock{guard_};
    return gateway_;
  }
  /// The epoch of a shard that is ours.
  std::optional<int64_t> epoch(int32_t shard) const {
    std::lock_guard lock{guard_};
    auto epoch = epochs_.at(static_cast<size_t>(shard));
    return epoch == 0 ? std::nullopt : std::optional{epoch};
  }
  void set(std::string gateway, const std::vector<shard_row>& all) {
    std::lock_guard lock{guard_};
    epochs_.fill(0);
    for (const auto& s : all)
      if (s.owner == gateway && !gateway.empty()) epochs_.at(static_cast<size_t>(s.shard)) = s.epoch;
    gateway_ = std::move(gateway);
  }

private:
  mutable std::mutex guard_;
  std::string gateway_;
  std::array<int64_t, shard_count> epochs_{};
};

/// One connection of its own, so that a beat never waits behind a group commit. Blocks; every call may throw
/// store_unavailable.
class membership {
public:
  virtual ~membership() = default;
  /// A new row; the beat is 1.
  virtual void enter(const gateway_row&) = 0;
  /// False: somebody removed this gateway. It must enter again under a new id.
  virtual bool beat(const std::string& id) = 0;
  virtual cluster_view view() = 0;
  /// Removes a gateway whose beat is still `seen.beat`. False: it is not, or is writing right now. Waits for nobody.
  virtual bool remove(const gateway_row& seen) = 0;
  /// Takes shards whose owner is gone, the duty shard first. Waits for nobody: what is locked is left for later.
  virtual int32_t take(const std::string& me, int32_t most) = 0;
  /// Hands a shard of ours over, if it still is. REQUIRES: nothing of it is being written any more.
  virtual bool give(const shard_row& mine, const std::string& to) = 0;
  /// The end of a gateway, in order: whatever it owned is free at once.
  virtual void leave(const std::string& id) = 0;
};

namespace sql {
class connection;
/// REQUIRES: on PostgreSQL.
std::unique_ptr<membership> open_membership(std::unique_ptr<connection>);
}  // namespace sql

}  // namespace troupe
