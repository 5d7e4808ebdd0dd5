// One short-lived actor per request from outside: asks, answers, ends. The bridge from sockets to actors.
#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "actors/house.hpp"

namespace troupe {

/// No timer of its own: a subsystem that dies bounces the question, one that hangs meets the connection's own limit
/// (server_options::answer_ms). A timer for every request would wake CAF's clock thread twice per request.
inline constexpr auto no_limit = std::chrono::milliseconds{-1};

/// While an answer is handed over, the actor that got it: what is asked meanwhile on this thread, it asks.
class asking {
public:
  explicit asking(caf::event_based_actor* self) : before_(std::exchange(now_, self)) {}
  asking(const asking&) = delete;
  ~asking() { now_ = before_; }
  static caf::event_based_actor* now() { return now_; }

private:
  static inline thread_local caf::event_based_actor* now_ = nullptr;
  caf::event_based_actor* before_;
};

/// Asks and returns at once; `done` is called exactly once, from an actor thread, at the latest after `limit`.
template <class Handle, class M>
void exchange(house& h, Handle to, M ask, std::chrono::milliseconds limit,
              std::function<void(outcome<typename M::reply>)> done) {
  auto go = [to = std::move(to), ask = std::move(ask), limit,
             done = std::move(done)](caf::event_based_actor* self) mutable {
    auto patience = limit == no_limit ? caf::duration{caf::infinite} : caf::duration{limit};
    auto kept = std::make_shared<decltype(done)>(std::move(done));  // each of the two handlers has it
    auto hand_over = [self, kept](outcome<typename M::reply> answer) {
      asking here{self};
      (*kept)(std::move(answer));
    };
    self->request(to, patience, std::move(ask))
        .then([hand_over](typename M::reply& answer) { hand_over(std::move(answer)); },
              [hand_over](const caf::error& why) { hand_over(to_failure(why)); });
  };
  if (auto* self = asking::now()) return go(self);
  h.system.spawn(std::move(go));
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
