// Virtual actors: addressed by id, activated when first addressed, watched, let go when idle, replaced when they crash.
// An entity that crashes more often than its budget is quarantined: `on_crash` says so.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>

#include "actors/house.hpp"
#include "config/log.hpp"

namespace troupe {

/// At most `most` restarts within `window_ms`.
class restart_budget {
public:
  restart_budget(size_t most, int64_t window_ms) : most_(most), window_ms_(window_ms) {}
  /// Notes a crash; false when it was one too many.
  bool allows(int64_t now_ms) {
    while (!crashes_.empty() && crashes_.front() <= now_ms - window_ms_) crashes_.pop_front();
    crashes_.push_back(now_ms);
    return crashes_.size() <= most_;
  }

private:
  size_t most_;
  int64_t window_ms_;
  std::deque<int64_t> crashes_;
};

inline restart_budget entity_budget() { return {5, 30'000}; }
inline restart_budget subsystem_budget() { return {3, 60'000}; }

enum class crash_verdict { not_ours, retired, restart, quarantine };

/// Used inside one supervisor actor only.
template <class Handle>
class entities {
public:
  entities() = default;
  entities(const entities&) = delete;
  /// Their supervisor ends, and with it all of them, those let go included: a timer would keep an idle one alive.
  ~entities() {
    for (auto& [address, id] : ids_) caf::anon_send_exit(address, caf::exit_reason::user_shutdown);
  }

  template <class Self, class Spawn>
  const Handle& get(Self* self, const std::string& id, Spawn spawn) {
    auto found = live_.find(id);
    if (found != live_.end()) return found->second;
    auto handle = spawn(id);
    self->monitor(handle);
    ids_.emplace(handle.address(), id);
    return live_.emplace(id, std::move(handle)).first->second;
  }

  /// Lets go of an idle entity: what was sent to it before is still handled, what comes now goes to a fresh one.
  template <class Self>
  void let_go(Self* self, const std::string& id) {
    auto found = live_.find(id);
    if (found == live_.end()) return;
    self->send(found->second, leave{});
    live_.erase(found);
  }

  /// Lets all go of which `f(id, handle)` says so.
  template <class Self, class F>
  void let_go_if(Self* self, F f) {
    for (auto at = live_.begin(); at != live_.end();) {
      if (!f(at->first, at->second)) {
        ++at;
        continue;
      }
      self->send(at->second, leave{});
      at = live_.erase(at);
    }
  }

  /// To be called from the supervisor's down handler.
  crash_verdict went_down(const caf::down_msg& down, int64_t now_ms, std::string& id) {
    auto found = ids_.find(down.source);
    if (found == ids_.end()) return crash_verdict::not_ours;
    id = std::move(found->second);
    ids_.erase(found);
    auto live = live_.find(id);
    if (live != live_.end() && live->second.address() == down.source) live_.erase(live);
    auto clean = !down.reason || down.reason == caf::exit_reason::normal ||
                 down.reason == caf::exit_reason::user_shutdown || down.reason == caf::exit_reason::unreachable;
    if (clean) return crash_verdict::retired;
    log::error("an actor crashed", {{"id", id}, {"reason", caf::to_string(down.reason)}});
    auto allowed = crashes_.try_emplace(id, entity_budget()).first->second.allows(now_ms);
    if (allowed) return crash_verdict::restart;
    crashes_.erase(id);
    return crash_verdict::quarantine;
  }

  template <class F>
  void each(F f) const {
    for (auto& [id, handle] : live_) f(handle);
  }

  size_t size() const { return live_.size(); }

private:
  std::unordered_map<std::string, Handle> live_;
  std::unordered_map<caf::actor_addr, std::string> ids_;
  std::unordered_map<std::string, restart_budget> crashes_;
};

}  // namespace troupe
