// Which waiting job goes to which node: a ready queue (priority, then tenants in turn) beside an index of nodes.
// Pure and single-threaded; the dispatcher actor owns one and performs what it decides.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/job.hpp"
#include "model/market.hpp"

namespace troupe {

struct gpu_device {
  std::string model;
  int64_t vram_mb = 0;
};

struct node_offer {
  std::string id, user_id, region;
  int64_t session = 0;
  int32_t slots = 0;
  amount rate = 0;  // nano-units per hour
  std::vector<gpu_device> gpus;
  std::vector<label> labels;
  std::vector<std::string> models;
};

struct ready_job {
  std::string id, user_id;
  int32_t priority = 5;
  demand needs;
};

struct placed {
  std::string job_id;
  std::string node_id;
};

class placement {
public:
  /// Adds or replaces a node; `busy` are the jobs it already runs.
  void put_node(node_offer, const std::vector<ready_job>& busy = {});
  /// Forgets a node and all that runs there.
  void remove_node(const std::string& id);
  void remove_nodes() {
    nodes_.clear();
    placed_.clear();
  }
  const node_offer* find_node(const std::string& id) const;

  /// False when it is known already (waiting or placed).
  bool add(ready_job);
  /// A waiting job that is no longer wanted.
  void remove(const std::string& job_id);
  /// The job left the node: its slot and devices are free.
  void release(const std::string& node_id, const std::string& job_id);

  /// Takes up to `most` jobs off the queue, each with the node that gets it, and books slot and VRAM.
  std::vector<placed> match(size_t most);

  bool knows(const std::string& job_id) const { return waiting_.contains(job_id) || placed_.contains(job_id); }
  /// Where a placed job is booked; empty when it is not.
  std::string node_of(const std::string& job_id) const {
    auto found = placed_.find(job_id);
    return found == placed_.end() ? std::string{} : found->second;
  }
  size_t waiting() const { return waiting_.size(); }
  /// Every device, node by node, and the devices that waiting jobs ask for by GPU.
  market_view market() const;
  int32_t free_slots() const;

private:
  struct booking {
    std::vector<std::pair<size_t, int64_t>> devices;  // index, MB
  };
  struct node {
    node_offer offer;
    std::vector<int64_t> free_mb;  // per device
    std::unordered_map<std::string, booking> busy;
    int32_t free() const { return offer.slots - static_cast<int32_t>(busy.size()); }
  };
  /// The jobs of one priority: tenants take turns.
  struct line {
    std::deque<std::string> turn;  // tenants that have a job here
    std::unordered_map<std::string, std::deque<std::string>> jobs;
  };
  /// Jobs that need exactly the same are matched as one class.
  struct job_class {
    demand needs;
    std::map<int32_t, line, std::greater<>> lines;
    int64_t waiting = 0;  // jobs in all lines
  };

  static bool suits(const node&, const demand&);
  static std::vector<std::pair<size_t, int64_t>> pick_devices(const node&, const demand&);
  node* best_node(const demand&);
  bool take_next(job_class&, std::string& job_id);
  void book(node&, const std::string& job_id, const demand&);

  std::map<std::string, node> nodes_;
  std::map<std::string, job_class> classes_;                         // by the text of the demand
  std::unordered_map<std::string, std::string> waiting_;             // job -> class key
  std::unordered_map<std::string, std::string> placed_;              // job -> node
  std::unordered_map<std::string, std::pair<std::string, int>> at_;  // waiting job -> tenant, priority
};

}  // namespace troupe
