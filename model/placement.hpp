// Which waiting job goes to which node: a ready queue (priority, then tenants in turn) beside an index of nodes.
// Pure and single-threaded; the dispatcher actor owns one and performs what it decides.
#pragma once

#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/devices.hpp"
#include "model/job.hpp"
#include "model/market.hpp"

namespace troupe {

struct node_offer {
  std::string id, user_id, region;
  int64_t session = 0;
  int32_t slots = 0;
  amount rate = 0;  // nano-units per hour
  std::vector<gpu_device> gpus;
  std::vector<label> labels;
  std::vector<std::string> models;
  int32_t cpu_cores = 0;  // as memory and disk: 0 has none to reserve
  int64_t memory_mb = 0, disk_mb = 0;
  int32_t trust_ppm = 300'000, reliability_ppm = 1'000'000;
  bool draining = false;  // keeps what it has, gets nothing new
  std::string gateway;    // where it hangs
};
template <class I>
auto inspect(I& f, node_offer& x) {
  return f(x.id, x.user_id, x.region, x.session, x.slots, x.rate, x.gpus, x.labels, x.models, x.cpu_cores, x.memory_mb,
           x.disk_mb, x.trust_ppm, x.reliability_ppm, x.draining, x.gateway);
}

struct ready_job {
  std::string id, user_id;
  int32_t priority = 5;
  demand needs;
  std::string devices;  // of a job that runs already: what it was given
};

struct placed {
  std::string job_id;
  std::string node_id;
  std::vector<gpu_share> devices;
};

class placement {
public:
  /// Adds or replaces a node; `busy` are the jobs it already runs.
  void put_node(node_offer, const std::vector<ready_job>& busy = {});
  /// Replaces the offer of a node that is here; its devices and what runs there stay.
  void change_node(node_offer);
  /// Forgets a node and all that runs there.
  void remove_node(const std::string& id);
  const node_offer* find_node(const std::string& id) const;
  /// Each node, and where it hangs.
  std::vector<std::pair<std::string, std::string>> homes() const;

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
  struct node {
    node_offer offer;
    std::vector<int64_t> free_mb;  // per device
    std::unordered_map<std::string, std::vector<gpu_share>> busy;
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
  static std::vector<gpu_share> pick_devices(const node&, const demand&);
  static std::vector<gpu_share> devices_of(const node&, const ready_job&);
  node* best_node(const demand&);
  bool take_next(job_class&, std::string& job_id);
  const std::vector<gpu_share>& book(node&, const std::string& job_id, std::vector<gpu_share>);

  std::map<std::string, node> nodes_;
  std::map<std::string, job_class> classes_;                         // by the text of the demand
  std::unordered_map<std::string, std::string> waiting_;             // job -> class key
  std::unordered_map<std::string, std::string> placed_;              // job -> node
  std::unordered_map<std::string, std::pair<std::string, int>> at_;  // waiting job -> tenant, priority
};

}  // namespace troupe
