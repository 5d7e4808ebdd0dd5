// What is published at the cluster port: it outlives the register behind it, so that nodes find a replaced one, too.
#include "actors/actors.hpp"

namespace troupe {

namespace {

struct door_state {
  door_state() = default;
  static inline const char* name = "door";
};

door_actor::behavior_type door(door_actor::stateful_pointer<door_state> self, house* h) {
  return {
      [self, h](const join_node& ask, const agent_port& agent) -> caf::result<node_welcome, node_port> {
        auto nodes = h->actors.nodes.get();
        if (!nodes) return to_error({errc::unavailable, "the gateway is stopping", {}, {}});
        return self->delegate(nodes, ask, agent);
      },
  };
}

}  // namespace

door_actor spawn_door(house& h) { return h.system.spawn(door, &h); }

}  // namespace troupe
