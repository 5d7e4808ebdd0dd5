// What a join becomes: the node's row, its offer, and what follows for the jobs it holds. Pure.
#pragma once

#include <string>
#include <vector>

#include "actors/cluster_messages.hpp"
#include "model/change.hpp"
#include "persistence/store.hpp"

namespace troupe {

/// `gateway`: where it hangs.
node_row row_of(const join_node&, const node_key_row&, const std::string& gateway, time_ms now_ms);

node_offer offer_of(const node_row&, const join_node&, int64_t session);

/// What the store says the node has, compared with what it says it holds: keep, stop, or lost.
struct reconciled {
  std::vector<lease_ref> keep, stop, lost;
  std::vector<job_brief> busy;
};
reconciled reconcile(std::vector<lease_ref> holding, const std::vector<job_brief>& granted);

}  // namespace troupe
