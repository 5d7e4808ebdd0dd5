// The event stream of one job over WebSocket, followed across lost connections: each event once, in order.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "client/http.hpp"

namespace troupe::client {

struct job_event {
  int64_t seq = 0;
  std::string type;  // "queued", "started", "progress", "completed", ...
  std::string job_id, timestamp;
  bool terminal = false;
  std::optional<double> progress;  // 0..1
  std::string message, attempt, provider_id, cost;
  std::string error;  // "code: message"
  std::string text;   // the frame as the server wrote it
};

/// Nothing for a frame that is no job event (a greeting, a pong). Throws trouble when it is not JSON.
std::optional<job_event> parse_event(std::string text);

struct follow_rules {
  int tick_ms = 1'000;
  int quiet_ms = 300'000;   // so long without an event, then `over` is asked
  int first_wait_ms = 250;  // before the first reconnect; doubles up to last_wait_ms
  int last_wait_ms = 5'000;
  int tries_max = 30;      // reconnects in a row that bring nothing new: about two minutes
  int steady_ms = 10'000;  // a connection that lasted so long was a good one
};

struct follow_hooks {
  std::function<void(const job_event&)> event;
  std::function<void()> tick;                       // about every tick_ms while nothing comes
  std::function<void(const std::string&)> dropped;  // the connection was lost; it will be tried again
  std::function<bool()> over;                       // true: the job has ended, no event will come any more
};

/// Returns after the terminal event or when `over` says so. Throws trouble: refused, or away for too long.
void follow(const server&, const std::string& job_id, const follow_rules&, const follow_hooks&);

}  // namespace troupe::client
