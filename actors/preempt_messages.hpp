// What is said when a node drains and its attempts go on elsewhere. The first part crosses the wire between a node and
// its gateway; the rest is said inside one process, or between gateways.
#pragma once

#include <memory>
#include <string>

#include "actors/cluster_messages.hpp"

namespace troupe {

struct checkpoint_ack {
  bool stored = false;  // false: it will never be, the attempt or its checkpoint is not wanted
};
/// agent -> node: a piece of what a preempted attempt left. The next follows when this one is durable; what is not
/// acknowledged is sent again.
struct put_checkpoint {
  using reply = checkpoint_ack;
  int64_t session = 0;
  lease_ref lease;
  int32_t index = 0, count = 0;
  std::string bytes;
};
struct checkpoint_piece {
  int32_t count = 0;  // 0: there is no such checkpoint
  std::string bytes;
};
/// agent -> node: a piece of what the attempt `from_epoch` left for this one.
struct get_checkpoint {
  using reply = checkpoint_piece;
  int64_t session = 0;
  lease_ref lease;
  int64_t from_epoch = 0;
  int32_t index = 0;
};

/// nodes -> node: an operator's word about draining is in the store.
struct send_drain {
  std::string node_id;
};
/// node -> nodes: it takes new work no more, or again.
struct node_drains {
  std::string node_id;
  int64_t session = 0;
  bool draining = false;
};

/// To the agent: take nothing new, give back what runs after so long, and say when nothing is left.
struct drain_agent {
  int64_t after_ms = 0;
};
/// INTERNAL: the time for that may have come.
struct drain_due {};
/// From the attempt's thread: what it left.
struct attempt_checkpoint {
  lease_ref lease;
  std::shared_ptr<const std::string> bytes;
};

template <class I>
auto inspect(I& f, checkpoint_ack& x) {
  return f(x.stored);
}
template <class I>
auto inspect(I& f, put_checkpoint& x) {
  return f(x.session, x.lease, x.index, x.count, x.bytes);
}
template <class I>
auto inspect(I& f, checkpoint_piece& x) {
  return f(x.count, x.bytes);
}
template <class I>
auto inspect(I& f, get_checkpoint& x) {
  return f(x.session, x.lease, x.from_epoch, x.index);
}
template <class I>
auto inspect(I& f, send_drain& x) {
  return f(x.node_id);
}
template <class I>
auto inspect(I& f, node_drains& x) {
  return f(x.node_id, x.session, x.draining);
}

}  // namespace troupe
