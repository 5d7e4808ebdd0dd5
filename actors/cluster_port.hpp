// Both sides of the cluster port. CAF's own believes strangers too much: it reserves whatever length their
// first bytes promise, waits for ever for those that say nothing, spins while a TLS greeting is not finished, and lets
// the error of one failed greeting end the connection of another. Here a guest has some seconds to introduce itself.
#pragma once

#include "actors/interfaces.hpp"
#include "config/config.hpp"

namespace troupe {

/// Like middleman().publish(door, port, host, true); with mutual TLS when the settings name certificates.
caf::expected<uint16_t> publish_door(caf::actor_system&, const door_actor&, const config&);

/// Like middleman().remote_actor<door_actor>(host, port), or openssl's. Blocks for as long as the attempt takes.
caf::expected<door_actor> find_door(caf::actor_system&, const config&, const endpoint&);

/// Hangs up on guests that have not introduced themselves in time. To be called about once a second.
void turn_out_strangers(caf::actor_system&);

}  // namespace troupe
