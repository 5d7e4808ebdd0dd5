// What a step of the job machine says about the node that had the job.
#pragma once

#include <optional>

#include "model/fleet.hpp"
#include "model/job.hpp"

namespace troupe {

/// Nothing when no attempt ends, or when its end says nothing. The gateway's own node is counted but never struck: it
/// dies with the gateway, which is not its doing.
std::optional<node_mark> mark_of(const job& before, const step&, const run_report&, time_ms now_ms);

}  // namespace troupe
