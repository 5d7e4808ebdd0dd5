// What the agent of a node remembers, and what its parts do for each other.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "actors/actors.hpp"
#include "actors/log_post.hpp"

namespace troupe {

/// A checkpoint on its way, piece by piece: to the gateway after a preempted attempt, or from it before a next one.
struct checkpoint_move {
  run_order order;                           // to be started when all is here
  std::string arrived;                       // so far
  std::shared_ptr<const std::string> bytes;  // to be stored before the report is said
  std::optional<run_report> report;
  int32_t next = 0;  // piece
  bool asked = false;
};

struct attempt {
  job_kind kind = job_kind::noop;
  std::unique_ptr<run> running;          // empty: noop, or finished
  std::optional<run_report> finished;    // kept until acknowledged
  int64_t checkpoint_bytes = 0;          // of the finished one's, stored
  std::optional<checkpoint_move> moves;  // its checkpoint is on the way, here or from here
  int64_t started_ms = 0;
  int64_t ends_ms = 0;  // noop with a duration
  bool stopped = false;
  std::vector<gpu_share> devices;
};

struct agent_state {
  agent_state() = default;
  static inline const char* name = "agent";

  join_node offer;
  std::string node_key;  // never sent
  run_environment environment;
  clock_fn steady;
  std::function<void(const agent_news&)> tell;

  node_port gateway;  // empty: not joined
  int64_t session = 0;
  int64_t beat_ms = limits::beat_interval_ms;
  int64_t next_beat_ms = 0;  // ticks of an earlier session come too early and end there
  int64_t answered_ms = 0;   // last beat reply
  std::map<lease_ref, attempt> held;
  node_report report;  // gathered since the last flush
  bool flush_sent = false;
  log_post logs;  // what attempts wrote and no gateway has stored
  bool logs_soon = false;
  int64_t logs_sent_ms = 0;
  int64_t logs_batch = 0;  // the newest
  uint64_t beat_round = 0;
  bool joining = false;  // one attempt at a time

  std::function<void()> drained;
  bool leaves = false;        // the process wants to end
  bool sent_home = false;     // an operator wants it to take nothing new
  int64_t preempt_at_ms = 0;  // monotonic: while it drains, when what runs goes back
  int64_t checkpoint_bytes_max = 0;
  int64_t artifact_bytes_max = 0;  // of its own
  bool is_draining() const { return leaves || sent_home; }
};

using agent_pointer = agent_actor::stateful_pointer<agent_state>;

/// What has gathered goes out when the mailbox is drained.
inline void flush_soon(agent_pointer self) {
  if (std::exchange(self->state.flush_sent, true)) return;
  self->send(self, flush{});
}

// agent.cpp
void finish(agent_pointer self, const lease_ref&, run_report, int64_t checkpoint_bytes = 0);
/// Starts an attempt that is held; `checkpoint` may be empty.
void launch(agent_pointer self, const lease_ref&, const run_order&, std::shared_ptr<const std::string> checkpoint);

// agent_preempt.cpp
/// Asks for the checkpoint that the attempt begins with, and launches it then.
void fetch(agent_pointer self, const run_order&);
/// What a preempted attempt left is stored before its end is said.
void hand_over(agent_pointer self, const lease_ref&, std::shared_ptr<const std::string> bytes);
/// False: nothing of it is to be stored first.
bool waits_for_checkpoint(agent_pointer self, const lease_ref&, run_report&);
/// Nobody wants what it left, or it any more.
void drop_checkpoint(agent_pointer self, const lease_ref&);
/// Goes on with every transfer that stands still: after a join, and at every beat.
void move_checkpoints(agent_pointer self);
/// An operator's word. -1: not draining.
void heed_drain(agent_pointer self, int64_t left_ms);
void begin_drain(agent_pointer self, int64_t after_ms);
/// Gives back what still runs, when it is time.
void look_at_drain(agent_pointer self);
/// Tells who waits for it that nothing is left.
void leave_if_drained(agent_pointer self);

/// agent_logs.cpp: one message for all that has gathered; what an attempt wrote; what is stored; what may have got
/// lost.
void send_gathered_logs(agent_pointer);
void on_output(agent_pointer, attempt_output&);
void on_stored(agent_pointer, const logs_stored&);
void repeat_logs(agent_pointer);

}  // namespace troupe
