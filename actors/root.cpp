// The order of start and stop, and who is replaced when it crashes. A lost ledger ends the process: the service
// manager starts a fresh one, which reads everything from the store.
#include "actors/actors.hpp"
#include "actors/entities.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

/// How to start one subsystem, and how to end it. The order of the list is the order of start.
struct child_spec {
  std::string name;
  bool replaceable = true;
  std::function<caf::actor()> start;  // also puts the new handle into the directory
};

struct child {
  child_spec spec;
  caf::actor handle;
  restart_budget budget = subsystem_budget();
};

struct root_state {
  root_state() = default;
  static inline const char* name = "root";
  house* h = nullptr;
  cast_options options;
  std::vector<child> children;
  bool stopping = false;
  std::string why;  // it gave up
};

using root_pointer = caf::stateful_actor<root_state>*;

template <class Handle>
std::function<caf::actor()> starter(place<Handle>& where, std::function<Handle()> spawn) {
  return [&where, spawn = std::move(spawn)] {
    auto handle = spawn();
    where.set(handle);
    return caf::actor_cast<caf::actor>(handle);
  };
}

std::vector<child_spec> cast_list(house& h, const cast_options& o) {
  auto& a = h.actors;
  std::vector<child_spec> list;
  list.push_back({"events", true, starter<events_actor>(a.events, [&h] { return spawn_events(h); })});
  list.push_back({"ledger", false,
                  starter<ledger_actor>(a.ledger, [&h, o] { return spawn_ledger(h, o.blocking, o.open_writer()); })});
  list.push_back({"gate", true, starter<gate_actor>(a.gate, [&h] { return spawn_gate(h); })});
  for (size_t i = 0; i < o.readers; ++i) {
    a.readers.push_back(std::make_unique<place<reader_actor>>());
    list.push_back({"reader", true, starter<reader_actor>(*a.readers.back(), [&h, o] {
                      return spawn_reader(h, o.blocking, o.open_reader());
                    })});
  }
  list.push_back({"sessions", true, starter<sessions_actor>(a.sessions, [&h] { return spawn_sessions(h); })});
  list.push_back({"quotas", true, starter<quotas_actor>(a.quotas, [&h] { return spawn_quotas(h); })});
  list.push_back(
      {"identity", true, starter<identity_actor>(a.identity, [&h, o] { return spawn_identity(h, o.blocking); })});
  list.push_back(
      {"errands", true, starter<errands_actor>(a.errands, [&h, o] { return spawn_errands(h, o.blocking); })});
  list.push_back({"wallets", true, starter<wallets_actor>(a.wallets, [&h] { return spawn_wallets(h); })});
  list.push_back({"billing", true, starter<billing_actor>(a.billing, [&h] { return spawn_billing(h); })});
  list.push_back({"calendar", true, starter<calendar_actor>(a.calendar, [&h] { return spawn_calendar(h); })});
  list.push_back(
      {"webhooks", true, starter<webhooks_actor>(a.webhooks, [&h, o] { return spawn_webhooks(h, o.blocking); })});
  list.push_back({"jobs", true, starter<jobs_actor>(a.jobs, [&h] { return spawn_jobs(h); })});
  list.push_back({"dispatcher", true, [&h] {
                    auto handle = spawn_dispatcher(h);
                    h.actors.own_dispatcher.set(handle);
                    if (h.cluster.owns(duty_shard) || !h.actors.dispatcher.get()) h.actors.dispatcher.set(handle);
                    return caf::actor_cast<caf::actor>(handle);
                  }});
  list.push_back({"nodes", true, starter<nodes_actor>(a.nodes, [&h] { return spawn_nodes(h); })});
  list.push_back({"door", true, starter<door_actor>(a.door, [&h] { return spawn_door(h); })});
  if (!h.cluster.alone()) {
    list.push_back({"dialer", true, starter<dialer_actor>(a.dialer, [&h, o] { return spawn_dialer(h, o.blocking); })});
    list.push_back({"gateways", false, starter<gateways_actor>(a.gateways, [&h, o] {
                      return spawn_gateways(h, o.blocking, o.open_membership());
                    })});
  }
  return list;
}

void start(root_pointer self, child& c) {
  c.handle = c.spec.start();
  self->monitor(c.handle);
}

void give_up(root_pointer self, const std::string& why) {
  if (std::exchange(self->state.stopping, true)) return;
  self->state.why = why;
  log::error("giving up", {{"why", why}});
  self->state.options.give_up(why);
}

void on_down(root_pointer self, const caf::down_msg& down) {
  auto& s = self->state;
  if (s.stopping) return;
  for (auto& c : s.children) {
    if (c.handle.address() != down.source) continue;
    log::error("a subsystem crashed", {{"name", c.spec.name}, {"reason", caf::to_string(down.reason)}});
    if (!c.spec.replaceable || !c.budget.allows(s.h->steady())) return give_up(self, c.spec.name + " crashed");
    try {
      return start(self, c);
    } catch (const store_unavailable& e) {
      return give_up(self, e.what());
    }
  }
}

/// Last user first, its tools after it.
void stop_all(root_pointer self, const caf::error& why) {
  auto& s = self->state;
  s.stopping = true;
  for (auto c = s.children.rbegin(); c != s.children.rend(); ++c) self->send_exit(c->handle, why);
  auto& a = s.h->actors;
  a.gateways.set({});
  a.dialer.set({});
  a.door.set({});
  a.nodes.set({});
  a.dispatcher.set({});
  a.own_dispatcher.set({});
  a.jobs.set({});
  a.webhooks.set({});
  a.calendar.set({});
  a.billing.set({});
  a.wallets.set({});
  a.identity.set({});
  a.errands.set({});
  a.sessions.set({});
  a.quotas.set({});
  for (auto& r : a.readers) r->set({});
  a.gate.set({});
  a.ledger.set({});
  a.events.set({});
  s.children.clear();
  self->quit(why);
}

caf::behavior root(root_pointer self, house* h, cast_options options) {
  auto& s = self->state;
  s.h = h;
  s.options = std::move(options);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  self->set_exit_handler([self](caf::exit_msg& x) { stop_all(self, x.reason); });
  try {
    for (auto& spec : cast_list(*h, s.options)) {
      s.children.push_back({std::move(spec), {}});
      start(self, s.children.back());
    }
  } catch (const store_unavailable& e) {  // whoever asks whether all are there hears it
    s.stopping = true;
    s.why = e.what();
  }
  return {[self](tick) -> caf::result<void> {  // answers once everyone is there, or why not
    if (self->state.stopping) return to_error({errc::unavailable, self->state.why, {}, {}});
    return caf::unit;
  }};
}

}  // namespace

caf::actor spawn_root(house& h, cast_options options) {
  return caf::actor_cast<caf::actor>(h.system.spawn(root, &h, std::move(options)));
}

}  // namespace troupe
