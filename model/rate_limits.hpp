// How much of a tier's share a user has taken: all windows at once, what came within the last second, what is under
// way. Pure: no clock, no lock. Facts: contract 6.3, design 9 "Limits".
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/job_spec.hpp"

namespace troupe {

/// What a tier lets through. 0: no bound.
struct rate_rules {
  int64_t per_minute = 0, per_hour = 0, per_day = 0;
  int64_t burst = 0;       // within any second
  int64_t concurrent = 0;  // requests under way
  int64_t streams = 0;     // open WebSockets
  bool bounded() const { return *this != rate_rules{}; }
  friend bool operator==(const rate_rules&, const rate_rules&) = default;
};

/// Whether there is such a set of numbers: default, fabstir, aivillage, sprint.
bool known_profile(std::string_view);
/// `tier` may name its profile itself ("sprint/pro"). A tier that nobody knows has the numbers of `free`.
rate_rules rules_of(std::string_view profile, std::string_view tier);

/// Begins with its first request. Not begun: count 0.
struct rate_window {
  time_ms start_ms = 0;
  int64_t count = 0;
  friend bool operator==(const rate_window&, const rate_window&) = default;
};

/// What outlives a process: the windows of a user, and the minute of each of its keys that has a limit of its own.
struct rate_counts {
  rate_window minute, hour, day;
  std::map<std::string, rate_window> keys;
  friend bool operator==(const rate_counts&, const rate_counts&) = default;
};

/// A request under way, or an open stream; the number is its gateway's.
struct rate_place {
  std::string gateway;
  int64_t number = 0;
  bool stream = false;
  friend bool operator==(const rate_place&, const rate_place&) = default;
};

/// What a request hears. `limit`, `remaining` and `reset_ms` are of the window with the least left; limit 0: none.
struct rate_verdict {
  bool admitted = true;
  bool placed = false;  // its place is held until it is given back
  int64_t limit = 0, remaining = 0;
  time_ms reset_ms = 0;    // when that window ends
  int64_t retry_ms = 0;    // refused: not before
  int64_t settled_ms = 0;  // refused by what only time changes: so long the answer stays the same
  std::string why;         // refused: in words
};

struct rate_request {
  rate_place place;            // number 0: nothing that lasts
  std::string key_id;          // of the API key
  int64_t key_per_minute = 0;  // its own limit; 0: none
};

/// All that is counted of one user.
class rate_meter {
public:
  rate_meter() = default;

  /// What the store remembers. REQUIRES: nothing was counted yet.
  void learn(rate_counts known) { counts_ = std::move(known); }
  /// Counts the request when everything lets it through; refused it leaves no trace.
  rate_verdict ask(const rate_rules&, const rate_request&, time_ms now_ms);
  /// A place that was taken elsewhere counts here, whatever the bounds say.
  void hold(const rate_place&);
  void give_back(const std::string& gateway, int64_t number);
  /// All that came by a gateway that is not there any more.
  void give_back_all(const std::string& gateway);

  const rate_counts& counts() const { return counts_; }
  const std::vector<rate_place>& places() const { return places_; }
  /// Nothing is under way, and no window is open.
  bool at_rest(time_ms now_ms) const;

private:
  void open_windows(time_ms now_ms);
  int64_t held(bool stream) const;

  rate_counts counts_;
  std::deque<time_ms> second_;  // when the last `burst` came
  std::vector<rate_place> places_;
};

template <class I>
auto inspect(I& f, rate_place& x) {
  return f(x.gateway, x.number, x.stream);
}
template <class I>
auto inspect(I& f, rate_request& x) {
  return f(x.place, x.key_id, x.key_per_minute);
}
template <class I>
auto inspect(I& f, rate_verdict& x) {
  return f(x.admitted, x.placed, x.limit, x.remaining, x.reset_ms, x.retry_ms, x.settled_ms, x.why);
}

}  // namespace troupe
