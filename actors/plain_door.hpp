// The cluster port without TLS. CAF believes whatever length a stranger's first bytes promise, and reserves it at once;
// here a connection must have introduced itself before it may say much.
#pragma once

#include "actors/interfaces.hpp"

namespace troupe {

/// Like middleman().publish(door, port, host, true).
caf::expected<uint16_t> publish_plainly(caf::actor_system&, const door_actor&, uint16_t port, const std::string& host);

}  // namespace troupe
