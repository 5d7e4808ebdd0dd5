// Keeps group commits of several gateways one after another, and those of a gateway that lost its seat out.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "model/change.hpp"
#include "persistence/membership.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

/// Of one writing connection.
class fence {
public:
  fence(connection&, const seat&);

  /// The first thing in a group's transaction. False: another gateway wrote since our last group, so what is remembered
  /// of rows may be wrong. Throws store_unavailable when this gateway has been removed.
  bool enter(const std::vector<const change*>& coming);
  /// Whether the shard is still ours, until the end of the group.
  bool allows(int32_t shard);

private:
  void ask(const std::vector<int64_t>& shards);

  const seat& seat_;
  const std::string holder_;  // this connection
  std::string gateway_;
  std::map<int32_t, bool> ours_;  // of this group
  statement lock_writing_, take_writing_, lock_gateway_, lock_shards_;
};

}  // namespace troupe::sql
