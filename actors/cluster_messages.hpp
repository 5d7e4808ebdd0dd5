// What gateways and nodes say to each other. Plain structs without CAF, so that another transport can carry them later.
// Every message about a job carries its lease epoch; every message of a node carries its session epoch.
#pragma once

#include <string>
#include <vector>

#include "model/job.hpp"
#include "model/node_offer.hpp"

namespace troupe {

struct lease_ref {
  std::string job_id;
  int64_t epoch = 0;
  friend auto operator<=>(const lease_ref&, const lease_ref&) = default;
};

struct challenge {
  std::string nonce;  // good for one join, within challenge_ttl_ms
};
/// agent -> door: what comes before a join.
struct knock {
  using reply = challenge;
};

/// agent -> door. `proof`: that the node has the key `key_id`, over all the other fields (join_text.hpp). `holding`:
/// every attempt the node still knows, finished but unacknowledged ones included.
struct join_node {
  std::string key_id, nonce, proof, name, instance, region;
  int32_t slots = 0;
  amount rate = 0;  // nano-units per hour
  std::vector<gpu_device> gpus;
  std::vector<label> labels;
  std::vector<std::string> models;
  std::vector<lease_ref> holding;
  int32_t cpu_cores = 0;
  int64_t memory_mb = 0, disk_mb = 0;
  bool draining = false;  // takes no new work
};

struct node_welcome {
  std::string node_id;
  int64_t session = 0;
  int32_t beat_interval_ms = 0, lease_ttl_ms = 0;
  std::vector<lease_ref> stop;        // attempts that are no longer this node's
  std::vector<std::string> gateways;  // other doors, HOST:PORT, should this one be gone
  int64_t drain_left_ms = -1;         // an operator wants what still runs then to go back; -1: not draining
  int64_t checkpoint_bytes_max = 0, artifact_bytes_max = 0;  // of an attempt, that are stored
};

struct beat_reply {
  bool known = true;           // false: join again
  int64_t drain_left_ms = -1;  // as in the welcome
};
/// agent -> node, every beat_interval_ms.
struct node_beat {
  using reply = beat_reply;
  int64_t session = 0;
  std::vector<lease_ref> holding;
  node_metrics metrics;
  bool draining = false;  // by its own decision
};

/// node -> agent.
struct run_order {
  std::string job_id;
  int64_t epoch = 0;
  job_kind kind = job_kind::noop;
  std::string params;
  int64_t timeout_ms = 0;
  std::vector<gpu_share> devices;
  int64_t checkpoint_epoch = 0;  // of the attempt whose checkpoint it begins with; 0: none
};
struct run_jobs {
  std::vector<run_order> orders;
};
struct stop_jobs {
  std::vector<lease_ref> leases;
};

struct job_progress {
  lease_ref lease;
  int32_t ppm = 0;
  std::string message;
};
struct job_finished {
  lease_ref lease;
  run_report report;
  int64_t checkpoint_bytes = 0;  // preempted: of what was stored before this is said
};
/// agent -> node: what happened since the last report, in this order: started, progress, finished.
/// `finished` is repeated until an ack names it; everything else is told once.
struct node_report {
  int64_t session = 0;
  std::vector<lease_ref> started;
  std::vector<job_progress> progress;
  std::vector<job_finished> finished;
  std::vector<lease_ref> rejected;
};
/// node -> agent: the attempts whose end is stored, or refused as stale. Either way the node may forget them.
struct report_ack {
  std::vector<lease_ref> stored, stale;
};

template <class I>
auto inspect(I& f, lease_ref& x) {
  return f(x.job_id, x.epoch);
}
template <class I>
auto inspect(I& f, challenge& x) {
  return f(x.nonce);
}
template <class I>
auto inspect(I& f, knock&) {
  return f();
}
template <class I>
auto inspect(I& f, join_node& x) {
  return f(x.key_id, x.nonce, x.proof, x.name, x.instance, x.region, x.slots, x.rate, x.gpus, x.labels, x.models,
           x.holding, x.cpu_cores, x.memory_mb, x.disk_mb, x.draining);
}
template <class I>
auto inspect(I& f, node_welcome& x) {
  return f(x.node_id, x.session, x.beat_interval_ms, x.lease_ttl_ms, x.stop, x.gateways, x.drain_left_ms,
           x.checkpoint_bytes_max, x.artifact_bytes_max);
}
template <class I>
auto inspect(I& f, node_beat& x) {
  return f(x.session, x.holding, x.metrics, x.draining);
}
template <class I>
auto inspect(I& f, beat_reply& x) {
  return f(x.known, x.drain_left_ms);
}
template <class I>
auto inspect(I& f, run_order& x) {
  return f(x.job_id, x.epoch, x.kind, x.params, x.timeout_ms, x.devices, x.checkpoint_epoch);
}
template <class I>
auto inspect(I& f, run_jobs& x) {
  return f(x.orders);
}
template <class I>
auto inspect(I& f, stop_jobs& x) {
  return f(x.leases);
}
template <class I>
auto inspect(I& f, job_progress& x) {
  return f(x.lease, x.ppm, x.message);
}
template <class I>
auto inspect(I& f, job_finished& x) {
  return f(x.lease, x.report, x.checkpoint_bytes);
}
template <class I>
auto inspect(I& f, node_report& x) {
  return f(x.session, x.started, x.progress, x.finished, x.rejected);
}
template <class I>
auto inspect(I& f, report_ack& x) {
  return f(x.stored, x.stale);
}

}  // namespace troupe
