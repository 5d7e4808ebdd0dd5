// Jobs that wait for a node, in the order in which they shall have one. Pure and single-threaded.
//
// The order: the level first, which is the priority and one more for each minute a job has waited, up to the highest
// priority: nothing waits for ever behind work that keeps coming. Within a level the tenant with the fewest running
// jobs, equal ones in turn; of one tenant the job that waits longest. A tenant at its limit of running jobs has to wait
// for one of its own to end.
//
// Jobs that need the same are one class: when no node fits one of them, none fits the others.
#pragma once

#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "model/job_spec.hpp"

namespace troupe {

struct ready_job {
  std::string id, user_id;
  int32_t priority = 5;
  demand needs;
  std::string devices;  // of a job that runs already: what it was given, as of format_shares
  time_ms since_ms = 0;
  std::vector<std::string> avoid;  // nodes that are taken only when no other could ever serve
};

/// The numbers of a demand, or of a node: side by side, for many are compared at once.
struct room {
  int64_t vram_mb = 0, memory_mb = 0;
  amount rate = 0;
  int32_t cpu_cores = 0, trust_ppm = 0;
  /// `rate` is the most that is paid, and the node's own; 0: any.
  bool within(const room& node) const {
    return vram_mb <= node.vram_mb && memory_mb <= node.memory_mb && cpu_cores <= node.cpu_cores &&
           trust_ppm <= node.trust_ppm && (rate == 0 || rate >= node.rate);
  }
};

class ready_queue {
  struct queue;
  struct tenant;

public:
  static constexpr int64_t level_ms = 60'000;

  struct job_class {
    std::string key;
    demand needs;
    std::vector<std::string> avoid;
    int64_t waiting = 0;
    bool blocked = false;  // no node fitted
    size_t blocked_at = 0;

  private:
    friend class ready_queue;
    /// The least goes first.
    struct turn {
      bool capped = false;    // its tenant is at the limit
      int32_t below_top = 0;  // levels below the highest
      int32_t running = 0;    // of its tenant
      uint64_t ticket = 0;
      queue* of = nullptr;
      auto operator<=>(const turn&) const = default;
    };
    std::set<turn> order;
    std::unordered_map<tenant*, std::unique_ptr<queue>> queues;
  };

  ready_queue() = default;
  ready_queue(ready_queue&&) = default;
  ready_queue& operator=(ready_queue&&) = default;
  /// Running jobs of one tenant; 0: no limit. REQUIRES: nothing was added yet.
  void limit_tenants(int32_t jobs_max) { tenant_jobs_max_ = jobs_max; }

  /// REQUIRES: it is not waiting.
  void add(ready_job, time_ms now_ms);
  /// Takes it out, wherever it stands; false when it is not waiting.
  bool remove(const std::string& job_id, ready_job* was = nullptr);
  bool contains(const std::string& job_id) const { return waiting_.contains(job_id); }
  size_t size() const { return waiting_.size(); }

  /// Moves up what has waited; a bounded number at a time.
  void age(time_ms now_ms);
  /// The class whose turn it is; null when nobody may go.
  job_class* first(time_ms now_ms);
  const std::string& first_tenant(const job_class&) const;
  /// The job of that class whose turn it is. REQUIRES: `first` answered this class.
  ready_job pop(job_class&, time_ms now_ms);

  /// No node fits it now: it is left out.
  void block(job_class&);
  /// Any node may fit them again.
  void unblock(job_class&);
  void unblock_avoiding();
  /// What blocked classes ask for above all is their anchor: "label K=V", "region R", "model M", "gpu TYPE", or "any".
  /// Calls `f` with each of that anchor that a node with so much might fit, and whose tenant may have more.
  template <class F>
  void each_blocked(const std::string& anchor, const room& most, F f) const {
    auto found = blocked_.find(anchor);
    if (found == blocked_.end()) return;
    for (auto& x : found->second)
      if (x.least.within(most) && !x.of->order.begin()->capped) f(*x.of);
  }
  /// Whose turn comes first.
  static bool is_before(const job_class& a, const job_class& b) { return *a.order.begin() < *b.order.begin(); }
  template <class F>
  void each_class(F f) const {
    for (auto& [key, c] : classes_) f(*c);
  }

  /// A tenant has so many more running jobs.
  void running(const std::string& user_id, int32_t more, time_ms now_ms);

private:
  /// Waiting since, and a number that keeps equal ones apart.
  using moment = std::pair<time_ms, uint64_t>;
  using turn = job_class::turn;
  /// The jobs of one tenant in one class.
  struct queue {
    job_class* of = nullptr;
    tenant* who = nullptr;
    std::map<int32_t, std::map<moment, std::string>> lines;  // by priority, longest waiting first
    turn place;
    time_ms ages_ms = 0;  // when its level may rise; 0: it is as high as it can be
  };
  struct tenant {
    std::string id;
    int32_t running = 0;
    std::unordered_set<queue*> queues;
  };
  struct spot {
    queue* in = nullptr;
    int32_t priority = 0;
    moment at;
  };

  static int32_t level_of(int32_t priority, time_ms since_ms, time_ms now_ms);
  tenant& tenant_of(const std::string& id);
  void forget_idle(tenant&);
  ready_job take(std::unordered_map<std::string, spot>::iterator);
  void place(queue&, time_ms now_ms);
  void unplace(queue&);
  void open(job_class&);
  void close(job_class&);

  int32_t tenant_jobs_max_ = 0;
  uint64_t next_ticket_ = 1;
  std::unordered_map<std::string, std::unique_ptr<job_class>> classes_;
  std::unordered_map<std::string, std::unique_ptr<tenant>> tenants_;
  std::unordered_map<std::string, spot> waiting_;
  std::set<std::pair<turn, job_class*>> open_;  // by the first turn of each class that is not blocked
  struct blocked_class {
    room least;
    job_class* of = nullptr;
  };
  std::unordered_map<std::string, std::vector<blocked_class>> blocked_;  // by anchor
  std::set<std::pair<time_ms, queue*>> ages_;
};

}  // namespace troupe
