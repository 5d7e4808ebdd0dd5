// Where each subsystem lives at this moment, and the world they share. Passed to whoever needs it; outlives every
// actor.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <vector>

#include "actors/interfaces.hpp"
#include "config/config.hpp"
#include "config/world.hpp"
#include "model/limits.hpp"

namespace troupe {

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

struct directory {
  place<ledger_actor> ledger;
  place<sessions_actor> sessions;
  place<identity_actor> identity;
  place<wallets_actor> wallets;
  place<billing_actor> billing;
  place<jobs_actor> jobs;
  place<dispatcher_actor> dispatcher;
  place<nodes_actor> nodes;
  place<door_actor> door;
  place<events_actor> events;
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
