// Nodes, providers and their keys as clients see them.
#pragma once

#include "http/json.hpp"
#include "model/change.hpp"
#include "model/fleet.hpp"

namespace troupe {

struct node_view {
  node_row row;
  node_record record;
  int64_t running = 0;  // jobs it was given and has not ended
};

/// offline, error (quarantined), maintenance, draining, busy or idle: the first that is true.
std::string_view state_word(const node_view&, time_ms now_ms);

/// What everybody may know who looks for a machine.
json public_node_json(const node_view&, time_ms now_ms);
/// All of it, for its owner.
json node_json(const node_view&, time_ms now_ms);

/// `nodes`: those of this provider. `own`: also what is not for everybody.
json provider_json(const provider_row&, const std::vector<node_view>& nodes, bool own, time_ms now_ms);

json node_key_json(const node_key_row&, time_ms now_ms);

}  // namespace troupe
