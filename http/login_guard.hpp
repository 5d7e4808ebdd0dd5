// Who may try a password now: back-off per login and, coarser, per address; and only so many hashes at a time.
#pragma once

#include <atomic>
#include <memory>
#include <mutex>
#include <string>

#include "http/routes.hpp"
#include "model/attempt_guard.hpp"

namespace troupe {

/// Thread-safe. Counts live in this process: a restart forgets them, and each of several gateways has its own.
class login_guard {
public:
  /// 0: try, and say `end`. Else ms to wait.
  int64_t begin(const std::string& login, const std::string& ip, int64_t now_ms);
  void end(const std::string& login, const std::string& ip, attempt_end, int64_t now_ms);
  /// A place in the queue of hashes until the answer is dropped; null: it is full.
  std::shared_ptr<void> queue_up();

private:
  std::mutex guard_;
  attempt_guard logins_{guard_rules{}};
  attempt_guard addresses_{guard_rules{.free = 50, .at_once = 64, .forgives = false}};
  const std::shared_ptr<std::atomic<int>> hashing_ = std::make_shared<std::atomic<int>>(0);
};

/// Asks something of `identity` that takes a hash: 503 when too many wait for theirs.
template <class M, class Next>
void ask_hash(const call_ptr& c, M message, Next next) {
  auto place = c->e.logins->queue_up();
  if (!place) return c->refuse({errc::unavailable, "too many passwords are being checked, try again soon", {}, {}});
  ask(c, c->e.h.actors.identity.get(), std::move(message),
      [place, next = std::move(next)](const auto& answer) mutable { next(answer); });
}

/// Tries a password under the guard: `work` gets what it must call with the outcome before it answers. 429 with
/// Retry-After when it is not the time.
using tell_outcome = std::function<void(attempt_end)>;
void guarded_attempt(const call_ptr&, const std::string& login, std::function<void(tell_outcome)> work);

}  // namespace troupe
