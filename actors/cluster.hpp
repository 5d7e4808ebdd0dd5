// The CAF side of a process: its configuration, the cluster door, and the way to a gateway's door.
#pragma once

#include <memory>

#include "actors/house.hpp"

namespace troupe {

/// Makes CAF know our messages. Costs half a minute of compiling, so it is done in one place.
void add_types(caf::actor_system_config&);

/// Types, scheduler and heartbeats for a process. Both time-outs are 0 in CAF by default, and then a cut cable is
/// never noticed. REQUIRES: outlives the actor system.
std::unique_ptr<caf::actor_system_config> system_config();

/// Opens the door for nodes at `settings.cluster_listen` (mutual TLS when certificates are set); returns the port.
outcome<uint16_t> open_door(house&);

/// "HOST:PORT" or "[V6]:PORT". REQUIRES: checked by the configuration, or made by to_string(endpoint).
endpoint endpoint_of(const std::string& text);

/// Connects to a gateway's door. Blocks for as long as the connection attempt takes.
outcome<door_actor> reach_door(caf::actor_system&, const config&, const endpoint&);

/// What this machine offers, from the configuration.
join_node offer_of(const config&, const std::string& name);

}  // namespace troupe
