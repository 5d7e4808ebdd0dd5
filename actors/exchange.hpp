// One short-lived actor per question from outside: asks, answers, ends. The bridge from sockets to actors.
#pragma once

#include <functional>

#include "actors/house.hpp"

namespace troupe {

/// No timer of its own: a subsystem that dies bounces the question, one that hangs meets the connection's own limit
/// (server_options::answer_ms). A timer for every request would wake CAF's clock thread twice per request.
inline constexpr auto no_limit = std::chrono::milliseconds{-1};

/// Asks and returns at once; `done` is called exactly once, from an actor thread, at the latest after `limit`.
template <class Handle, class M>
void exchange(house& h, Handle to, M ask, std::chrono::milliseconds limit,
              std::function<void(outcome<typename M::reply>)> done) {
  h.system.spawn(
      [to = std::move(to), ask = std::move(ask), limit, done = std::move(done)](caf::event_based_actor* self) mutable {
        auto patience = limit == no_limit ? caf::duration{caf::infinite} : caf::duration{limit};
        self->request(to, patience, std::move(ask))
            .then([done](typename M::reply& answer) { done(std::move(answer)); },
                  [done](const caf::error& why) { done(to_failure(why)); });
      });
}

/// Says something that has no answer.
template <class Handle, class M>
void tell(const Handle& to, M message) {
  caf::anon_send(to, std::move(message));
}

/// Calls `work` from an actor thread, a while from now.
inline void later(house& h, std::chrono::milliseconds pause, std::function<void()> work) {
  h.system.spawn([pause, work = std::move(work)](caf::event_based_actor* self) -> caf::behavior {
    self->delayed_send(self, pause, tick{});
    return {[self, work](tick) {
      work();
      self->quit();
    }};
  });
}

/// For starts and scripts: asks and waits. Blocks the calling thread, which must not be an actor's.
template <class Handle, class M>
outcome<typename M::reply> ask_and_wait(house& h, const Handle& to, M ask) {
  caf::scoped_actor self{h.system};
  outcome<typename M::reply> result;
  self->request(to, std::chrono::seconds{10}, std::move(ask))
      .receive([&](typename M::reply& x) { result = std::move(x); },
               [&](const caf::error& why) { result = to_failure(why); });
  return result;
}

}  // namespace troupe
