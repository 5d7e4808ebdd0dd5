// Rings the streams of those whose events were committed. Who missed a bell misses nothing: streams read from a cursor.
#include <unordered_map>

#include "actors/actors.hpp"

namespace troupe {

namespace {

struct events_state {
  events_state() = default;
  static inline const char* name = "events";
  std::unordered_map<std::string, std::vector<listener_actor>> listeners;  // by user
  std::unordered_map<caf::actor_addr, std::string> users;
  house* h = nullptr;
};

using events_pointer = events_actor::stateful_pointer<events_state>;

void forget(events_pointer self, const caf::actor_addr& who) {
  auto& s = self->state;
  auto user = s.users.find(who);
  if (user == s.users.end()) return;
  auto found = s.listeners.find(user->second);
  std::erase_if(found->second, [&](const auto& x) { return x.address() == who; });
  if (found->second.empty()) s.listeners.erase(found);
  s.users.erase(user);
}

events_actor::behavior_type events(events_pointer self, house* h) {
  self->state.h = h;
  self->set_down_handler([self](const caf::down_msg& down) { forget(self, down.source); });
  return {
      [self](const listen_events& x) {
        self->monitor(x.listener);
        self->state.users[x.listener.address()] = x.user_id;
        self->state.listeners[x.user_id].push_back(x.listener);
      },
      [self](const committed& bell) {
        for (auto& user : bell.users) {
          auto found = self->state.listeners.find(user);
          if (found == self->state.listeners.end()) continue;
          for (auto& who : found->second) self->send(who, rung{});
        }
        if (auto webhooks = self->state.h->actors.webhooks.get()) self->send(webhooks, rung{});
        if (!bell.passed_on)
          for (auto& gate : self->state.h->cluster.others()) self->send(gate, bell);
      },
  };
}

}  // namespace

events_actor spawn_events(house& h) { return h.system.spawn(events, &h); }

}  // namespace troupe
