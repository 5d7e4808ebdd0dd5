// What other gateways talk to: it outlives the subsystems that may be replaced, and passes everything on to them.
#include "actors/actors.hpp"
#include "actors/cluster.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

struct gate_state {
  gate_state() = default;
  static inline const char* name = "gate";
};

using gate_pointer = gate_actor::stateful_pointer<gate_state>;

template <class Place, class M>
void hand_in(gate_pointer self, const Place& to, M& x) {
  self->send(to.get(), std::move(x));
}

/// Not to be passed on a second time.
template <class Place, class M>
void hand_in_once(gate_pointer self, const Place& to, M& x) {
  x.passed_on = true;
  self->send(to.get(), std::move(x));
}

gate_actor::behavior_type gate(gate_pointer self, house* h) {
  auto* a = &h->actors;
  return {
      [=](jobs_waiting& x) { hand_in(self, a->own_dispatcher, x); },
      [=](job_withdrawn& x) { hand_in(self, a->own_dispatcher, x); },
      [=](slot_freed& x) { hand_in(self, a->own_dispatcher, x); },
      [=](read_market x) { return self->delegate(a->own_dispatcher.get(), x); },
      [=](node_joined& x) { hand_in(self, a->own_dispatcher, x); },
      [=](node_changed& x) { hand_in(self, a->own_dispatcher, x); },
      [=](node_left& x) { hand_in(self, a->own_dispatcher, x); },
      [=](nodes_present& x) {
        self->send(a->own_dispatcher.get(), x);
        self->send(a->nodes.get(), std::move(x));
      },
      [=](tell_job& x) { hand_in_once(self, a->jobs, x); },
      [=](cancel_job& x) {
        x.passed_on = true;
        return self->delegate(a->jobs.get(), std::move(x));
      },
      [=](await_job& x) {
        x.passed_on = true;
        return self->delegate(a->jobs.get(), std::move(x));
      },
      [=](amend_job& x) {
        x.passed_on = true;
        return self->delegate(a->jobs.get(), std::move(x));
      },
      [=](redrive_job& x) {
        x.passed_on = true;
        return self->delegate(a->jobs.get(), std::move(x));
      },
      [=](use_quota& x) {
        x.passed_on = true;
        return self->delegate(a->quotas.get(), std::move(x));
      },
      [=](quota_returned& x) { hand_in(self, a->quotas, x); },
      [=](quota_held& x) { hand_in(self, a->quotas, x); },
      [=](send_run& x) { hand_in_once(self, a->nodes, x); },
      [=](send_stop& x) { hand_in_once(self, a->nodes, x); },
      [=](send_ack& x) { hand_in_once(self, a->nodes, x); },
      [=](announce_nodes& x) { hand_in(self, a->nodes, x); },
      [=](committed& x) { hand_in_once(self, a->events, x); },
      [=](forget_credential& x) { hand_in_once(self, a->sessions, x); },
      [=](forget_user& x) { hand_in_once(self, a->sessions, x); },
      [=](shards_moved& x) { hand_in(self, a->gateways, x); },
  };
}

struct dialer_state {
  dialer_state() = default;
  static inline const char* name = "dialer";
};

using dialer_pointer = dialer_actor::stateful_pointer<dialer_state>;

void dial(dialer_pointer self, house* h, const dial_gateway& x) {
  auto at = endpoint_of(x.to.address);
  auto door = reach_door(h->system, h->settings, at);
  if (auto* bad = std::get_if<failure>(&door)) {
    log::debug("a gateway is not to be reached", {{"gateway", x.to.address}, {"why", bad->detail}});
    return;
  }
  meet_gateway hello{x.me, proof_of(x.to.secret, x.me)};
  self->request(std::get<door_actor>(door), std::chrono::seconds{3}, std::move(hello), h->actors.gate.get())
      .then(
          [=](const gateway_met& met, const gate_actor& gate) {
            if (met.id != x.to.id || met.proof != proof_of(x.my_secret, met.id)) return;  // an impostor, or a newer one
            self->send(h->actors.gateways.get(), gateway_linked{met.id, gate});
          },
          [=](const caf::error& why) {
            log::debug("a gateway does not let us in", {{"gateway", x.to.address}, {"why", to_failure(why).detail}});
          });
}

dialer_actor::behavior_type dialer(dialer_pointer self, house* h) {
  return {[=](const dial_gateway& x) { dial(self, h, x); }};
}

}  // namespace

std::string proof_of(const std::string& secret, const std::string& id) {
  return sha256_hex("troupe gateway\n" + secret + "\n" + id);
}

gate_actor spawn_gate(house& h) { return h.system.spawn(gate, &h); }

dialer_actor spawn_dialer(house& h, run_on where) {
  if (where == run_on::own_thread) return h.system.spawn<caf::detached>(dialer, &h);
  return h.system.spawn(dialer, &h);
}

}  // namespace troupe
