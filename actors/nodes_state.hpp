// INTERNAL to the register of nodes: its state, and the rescue of the jobs of nodes that are gone.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "actors/house.hpp"
#include "model/standing.hpp"

namespace troupe {

struct joined_node {
  node_actor handle;
  int64_t session = 0;
  std::string instance, key_id;
  node_offer offer;
};

/// Its jobs are lost at `rescue_ms` of the monotonic clock, unless it is back.
struct awaited_node {
  int64_t rescue_ms = 0;
  bool braked = false;
  bool silent = true;  // else it said that it leaves, or is only looked after once more
};

/// It is online as the store says it, and hangs nowhere: nobody is there who would say that it left.
struct absent_node {
  node_row row;
  int64_t due_ms = 0;  // monotonic
};

struct far_node {
  std::string gateway;
  int64_t session = 0;
};

struct held_run {
  send_run what;
  int64_t until_ms = 0;  // monotonic
};

struct nodes_state {
  nodes_state() = default;
  static inline const char* name = "nodes";
  house* h = nullptr;
  std::string gateway;  // as which our nodes joined
  std::unordered_map<std::string, joined_node> here;
  std::unordered_map<std::string, far_node> elsewhere;
  std::unordered_map<std::string, awaited_node> awaited;
  std::unordered_map<std::string, absent_node> absent;
  std::vector<held_run> held;  // orders for nodes that nobody told us of yet
  bool watched = false;        // the jobs of nodes that hang nowhere were read
  int64_t next_watch_ms = 0, next_list_ms = 0;
  int64_t ticked_ms = 0;
  standings known;  // of the nodes that are here
};

using nodes_pointer = nodes_actor::stateful_pointer<nodes_state>;

/// It hangs on this gateway, or on another that lives.
bool is_somewhere(const nodes_state&, const std::string& node_id);
/// The node does not have this attempt any more.
void lose(nodes_pointer, const std::string& job_id, int64_t epoch);
/// A node of ours fell silent: its jobs are rescued when the grace is over.
void on_silent(nodes_pointer, const node_silent&);
/// The jobs of all nodes whose time is over.
void rescue_due(nodes_pointer, int64_t now_ms);
/// After a start, a take-over, the end of a gateway: every node that hangs nowhere gets a fresh lease time to come back
/// in. Then its jobs are lost, and it is offline. The gateway with the duty looks after all of them.
void watch_orphans(nodes_pointer);
/// Those whose time is over are offline.
void part_absent(nodes_pointer, int64_t now_ms);

}  // namespace troupe
