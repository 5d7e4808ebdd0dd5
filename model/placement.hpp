// Which waiting job goes to which node: a ready queue beside an index of nodes. Pure and single-threaded; the
// dispatcher actor owns one and performs what it decides. Who goes first is said in ready_queue.hpp, where it goes in
// node_index.hpp.
//
// A job that came back from a node (rejected, lost, its fault) avoids it for a minute, unless no other could serve.
#pragma once

#include "model/node_index.hpp"
#include "model/ready_queue.hpp"

namespace troupe {

struct placed {
  std::string job_id;
  std::string node_id;
  std::vector<gpu_share> devices;
};

class placement {
public:
  static constexpr int64_t avoid_ms = 60'000;

  /// Running jobs of one tenant; 0: no limit. REQUIRES: nothing was added yet.
  void limit_tenants(int32_t jobs_max) { queue_.limit_tenants(jobs_max); }

  /// Adds or replaces a node; `busy` are the jobs it already runs.
  void put_node(node_offer, const std::vector<ready_job>& busy = {});
  /// A job that runs at a node without our knowledge; false when the node is not here or the job is known.
  bool adopt(const std::string& node_id, const ready_job&);
  /// Replaces the offer of a node that is here; its devices and what runs there stay.
  void change_node(node_offer);
  /// Forgets a node and all that runs there.
  void remove_node(const std::string& id);
  const node_offer* find_node(const std::string& id) const;
  /// Each node, and where it hangs.
  std::vector<std::pair<std::string, std::string>> homes() const;

  /// False when it is known already (waiting or placed). `came_from`: the node to avoid, if any.
  bool add(ready_job, time_ms now_ms = 0, const std::string& came_from = {});
  /// A waiting job that is no longer wanted.
  void remove(const std::string& job_id);
  /// The job left the node: its slot and devices are free.
  void release(const std::string& node_id, const std::string& job_id);

  /// Takes up to `most` jobs off the queue, each with the node that gets it, and books slot and devices.
  std::vector<placed> match(size_t most, time_ms now_ms = 0);
  /// The last match did not look at everything.
  bool unfinished() const { return unfinished_; }

  bool knows(const std::string& job_id) const { return queue_.contains(job_id) || placed_.contains(job_id); }
  /// Where a placed job is booked; empty when it is not.
  std::string node_of(const std::string& job_id) const;
  /// Calls `f(job id, node id)` for each booking.
  template <class F>
  void each_placed(F f) const {
    for (auto& [job, node] : placed_) f(job, node);
  }
  size_t waiting() const { return queue_.size(); }
  /// Every device, node by node, and the devices that waiting jobs ask for by GPU.
  market_view market() const;
  int32_t free_slots() const { return nodes_.free_slots(); }

private:
  ready_queue::job_class* first_waiting_for(const booked_node&) const;
  ready_queue::job_class* first_waiting(int64_t& looks);
  placed give(ready_queue::job_class&, choice);
  void end_avoiding(time_ms now_ms);
  void book(booked_node&, const std::string& job_id, booking);

  node_index nodes_;
  ready_queue queue_;
  std::unordered_map<std::string, std::string> placed_;     // job -> node
  std::unordered_map<std::string, std::string> last_node_;  // tenant -> where its last job went
  std::set<uint64_t> freed_;                                // numbers of nodes with more room than before
  bool node_gone_ = false;                                  // what avoids may have no other now
  std::set<std::pair<time_ms, std::string>> avoids_;        // until when, job
  std::unordered_map<std::string, std::vector<std::pair<std::string, time_ms>>> avoided_;  // job -> nodes, until
  time_ms now_ms_ = 0;  // of the newest call that said so
  bool unfinished_ = false;
};

}  // namespace troupe
