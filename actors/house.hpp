// Where each subsystem lives at this moment, and the world they share. Passed to whoever needs it; outlives every
// actor.
#pragma once

#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "actors/interfaces.hpp"
#include "actors/open_streams.hpp"
#include "actors/queue_gauge.hpp"
#include "actors/refusal_memo.hpp"
#include "config/config.hpp"
#include "config/world.hpp"
#include "model/limits.hpp"
#include "model/pricing.hpp"
#include "persistence/membership.hpp"

namespace troupe {

class vault;

/// A subsystem's present handle. Root replaces it when the subsystem was restarted, so nobody keeps a dead one.
/// Thread-safe.
template <class Handle>
class place {
public:
  Handle get() const {
    std::lock_guard lock{guard_};
    return handle_;
  }
  /// The old handle is dropped outside the lock: it may be the last, and an ending actor may ask for a place.
  void set(Handle handle) {
    {
      std::lock_guard lock{guard_};
      std::swap(handle_, handle);
    }
  }

private:
  mutable std::mutex guard_;
  Handle handle_;
};

/// Which gateway has what. Alone (SQLite) there is nothing to ask. Thread-safe.
class cluster_map {
public:
  /// The name of this process in the rows of its nodes.
  std::string me() const;
  bool alone() const { return alone_; }
  /// REQUIRES: called before any actor starts.
  void expect_others() { alone_ = false; }
  const seat& own_seat() const { return seat_; }

  /// Ours, and not being handed over.
  bool owns(int32_t shard) const;
  bool is_alive(const std::string& gateway) const;
  /// The gate of the shard's owner; empty: it is ours, or nobody that can be reached has it.
  gate_actor gate_of(int32_t shard) const;
  gate_actor gate(const std::string& gateway) const;
  std::vector<gate_actor> others() const;
  std::vector<std::string> addresses() const;  // the cluster doors of all gateways

  // For `gateways` only.
  void set_view(const std::string& me, const cluster_view&);
  void hand_over(int32_t shard);
  void keep(int32_t shard);  // not handed over after all
  void link(const std::string& gateway, gate_actor);
  void unlink(const std::string& gateway);

private:
  bool alone_ = true;
  const std::string alone_id_ = "gw_" + random_hex(13);
  seat seat_;
  mutable std::mutex guard_;
  std::vector<std::string> owners_ = std::vector<std::string>(shard_count);
  std::set<int32_t> leaving_;
  std::map<std::string, std::string> alive_;  // gateway -> address
  std::map<std::string, gate_actor> gates_;
};

struct directory {
  place<ledger_actor> ledger;
  place<sessions_actor> sessions;
  place<quotas_actor> quotas;
  place<identity_actor> identity;
  place<errands_actor> errands;
  place<wallets_actor> wallets;
  place<billing_actor> billing;
  place<calendar_actor> calendar;
  place<webhooks_actor> webhooks;
  place<jobs_actor> jobs;
  place<dispatcher_actor> own_dispatcher;
  place<dispatcher_port> dispatcher;  // whichever gateway has the duty
  place<nodes_actor> nodes;
  place<door_actor> door;
  place<events_actor> events;
  place<gate_actor> gate;
  place<gateways_actor> gateways;  // empty: alone
  place<dialer_actor> dialer;
  std::vector<std::unique_ptr<place<reader_actor>>> readers;

  /// One of the readers, in turn.
  reader_actor reader() {
    return readers[next_reader_.fetch_add(1, std::memory_order_relaxed) % readers.size()]->get();
  }

private:
  std::atomic<size_t> next_reader_{0};
};

struct house {
  house(caf::actor_system& s, const config& c) : system(s), settings(c) {}

  caf::actor_system& system;
  const config& settings;
  clock_fn now_ms = wall_ms;
  clock_fn steady = steady_ms;
  directory actors;
  /// The JSON of a job as the API takes it; for jobs that timetables make.
  std::function<outcome<submission>(const std::string& body, time_ms now_ms)> read_job;
  /// An event as webhooks are told of it: JSON. Empty: none is told.
  std::function<std::string(const event_row&)> webhook_body;
  std::shared_ptr<const vault> secrets;  // null: none is told
  cluster_map cluster;
  queue_gauge queue;  // of all users
  refusal_memo refused;
  open_streams streams;

  /// When what a provider earns now may be paid out.
  time_ms matures_ms() const { return now_ms() + settings.dispute_window_seconds * 1000; }
};

inline constexpr auto store_limit = std::chrono::milliseconds{limits::store_ms};
/// For commits: the ledger answers every change, and when it dies the process ends. A time-out in CAF wakes the clock's
/// thread for each request, which cost a quarter of a job's whole life.
inline constexpr auto ledger_limit = caf::infinite;
inline constexpr auto request_limit = std::chrono::milliseconds{limits::request_ms};

/// The error of a refused change, for the asker.
caf::error to_error(const failure&);
failure to_failure(const caf::error&);

}  // namespace troupe
