// The register of the nodes that hang on this gateway, and where the others are.
#include <algorithm>
#include <unordered_map>

#include "actors/actors.hpp"
#include "actors/guard.hpp"
#include "actors/node_rows.hpp"
#include "actors/nodes_state.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr int64_t list_every_ms = 5'000;
constexpr int64_t hold_ms = 4'000;

using welcome_promise = caf::typed_response_promise<node_welcome, node_port>;

/// Tells the other gateways where it is.
void tell_present(nodes_pointer self, const std::vector<present_node>& nodes, bool all) {
  auto& s = self->state;
  nodes_present word{s.gateway, nodes, all};
  for (auto& gate : s.h->cluster.others()) self->send(gate, word);
  if (all) self->send(s.h->actors.own_dispatcher.get(), std::move(word));
}

void welcome(nodes_pointer self, const node_row& row, const join_node& ask, int64_t session, const agent_port& agent,
             const std::vector<job_brief>& granted, welcome_promise promise) {
  auto& s = self->state;
  auto r = reconcile(ask.holding, granted);
  node_welcome answer{row.id,
                      session,
                      limits::beat_interval_ms,
                      limits::lease_ttl_ms,
                      r.stop,
                      s.h->cluster.addresses(),
                      drain_left_ms(row, s.h->now_ms()),
                      s.h->settings.checkpoint_mb_max * 1024 * 1024,
                      s.h->settings.artifact_bytes_max()};
  auto handle = spawn_node(*s.h, answer, agent, r.keep);
  self->link_to(handle.address());  // without this register a node must join again
  s.awaited.erase(row.id);
  auto offer = offer_of(row, ask, session);
  s.elsewhere.erase(row.id);
  s.here[row.id] = {handle, session, ask.instance, ask.key_id, offer};
  for (auto& x : r.lost) lose(self, x.job_id, x.epoch);
  for (auto& j : r.busy)
    if (j.state == job_state::cancelling) self->send(handle, send_stop{row.id, {j.id, j.lease_epoch}});
  log::info("node joined", {{"node_id", row.id},
                            {"name", row.name},
                            {"session", std::to_string(session)},
                            {"slots", std::to_string(row.slots)},
                            {"kept", std::to_string(r.keep.size())},
                            {"lost", std::to_string(r.lost.size())}});
  self->send(s.h->actors.dispatcher.get(), node_joined{s.known.of(std::move(offer)), r.busy});
  tell_present(self, {{row.id, session}}, false);
  promise.deliver(std::move(answer), caf::actor_cast<node_port>(handle));
}

/// The session epoch is taken in the store first; only then is the node here.
void enter(nodes_pointer self, const node_key_row& key, const join_node& ask, const agent_port& agent,
           welcome_promise promise) {
  auto* h = self->state.h;
  auto row = row_of(ask, key, self->state.gateway, h->now_ms());
  auto old = self->state.here.find(row.id);
  if (old != self->state.here.end() && old->second.instance != ask.instance) {
    promise.deliver(to_error({errc::conflict, "another node named '" + ask.name + "' is here", {}, {}}));
    return;
  }
  if (old != self->state.here.end()) {  // the same process again, after a broken connection
    self->unlink_from(old->second.handle.address());
    self->send_exit(old->second.handle, caf::exit_reason::user_shutdown);
    self->send(h->actors.dispatcher.get(), node_left{row.id, old->second.session});
    self->state.here.erase(old);
    self->state.awaited[row.id] = {h->steady() + limits::lease_ttl_ms};
  }
  change c;
  c.node = row;
  auto refuse = [promise](const caf::error& why) mutable { promise.deliver(why); };
  self->request(h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [=](const commit_results& done) mutable {
            auto& result = done.results.at(0);
            if (result.why != errc::ok) {
              promise.deliver(to_error(to_failure(result)));
              return;
            }
            self->request(h->actors.reader(), store_limit, list_granted{row.id})
                .then(
                    [=](const brief_page& page) {
                      auto here = row;
                      here.drain_until_ms = result.drain_until_ms;
                      here.draining = ask.draining || result.drain_until_ms > 0;
                      welcome(self, here, ask, result.session_epoch, agent, page.jobs, promise);
                    },
                    refuse);
          },
          refuse);
}

/// What its owner set is said instead of what it says itself.
join_node as_set(join_node ask, const node_record& x) {
  if (x.rate >= 0) ask.rate = x.rate;
  if (x.has_labels) ask.labels = parse_labels(x.labels);
  return ask;
}

void let_in_node(nodes_pointer self, const let_in& x, const agent_port& agent, welcome_promise promise) {
  self->state.known.learn(x.record, self->state.h->now_ms());
  enter(self, x.key, as_set(x.ask, x.record), agent, std::move(promise));
}

void on_records(nodes_pointer self, const records_changed& x) {
  auto& s = self->state;
  for (auto& record : x.records) {
    auto found = s.here.find(record.node_id);
    if (found == s.here.end())
      s.known.forget(record.node_id);
    else if (s.known.learn(record, s.h->now_ms()))
      self->send(s.h->actors.dispatcher.get(), node_changed{s.known.of(found->second.offer)});
  }
}

/// Whoever joined with one of these keys goes; its jobs are rescued as those of a silent node.
void on_put_out(nodes_pointer self, const put_out& x) {
  for (auto& [id, n] : self->state.here) {
    if (std::find(x.key_ids.begin(), x.key_ids.end(), n.key_id) == x.key_ids.end()) continue;
    log::warn("a node's key has ended", {{"node_id", id}, {"key_id", n.key_id}});
    self->send(n.handle, leave{});
  }
}

/// Said again while it lasts: the dispatcher may be elsewhere, and not have heard it.
void on_drains(nodes_pointer self, const node_drains& x) {
  auto& s = self->state;
  auto found = s.here.find(x.node_id);
  if (found == s.here.end() || found->second.session != x.session) return;
  found->second.offer.draining = x.draining;
  self->send(s.h->actors.dispatcher.get(), node_changed{s.known.of(found->second.offer)});
}

/// A crashed node actor costs its node the session, not the register its life. Any other exit is an order.
void on_exit(nodes_pointer self, const caf::exit_msg& x) {
  auto& here = self->state.here;
  auto found = std::find_if(here.begin(), here.end(), [&](auto& n) { return n.second.handle.address() == x.source; });
  if (found != here.end())
    on_silent(self, {found->first, found->second.session, self->state.h->steady()});
  else if (x.reason != caf::exit_reason::normal)
    self->quit(x.reason);
}

template <class M>
bool pass_on(nodes_pointer self, M& x) {
  auto& s = self->state;
  auto found = s.here.find(x.node_id);
  if (found != s.here.end()) {
    self->send(found->second.handle, std::move(x));
    return true;
  }
  auto far = s.elsewhere.find(x.node_id);
  if (x.passed_on || far == s.elsewhere.end()) return false;
  auto gate = s.h->cluster.gate(far->second.gateway);
  if (gate) self->send(gate, std::move(x));
  return static_cast<bool>(gate);
}

/// A fresh order for a node that is away is lost at once; one that is only repeated waits for the node or its rescue.
/// Among several gateways the dispatcher may know earlier than we where a node hangs: then the order waits for the
/// news.
void not_here(nodes_pointer self, send_run& x) {
  auto& s = self->state;
  if (!s.h->cluster.alone()) {
    if (!x.again) s.held.push_back({std::move(x), s.h->steady() + hold_ms});
    return;
  }
  if (x.again && (!s.watched || s.awaited.contains(x.node_id))) return;
  lose(self, x.order.job_id, x.order.epoch);
}

void send_held(nodes_pointer self) {
  auto& s = self->state;
  for (auto& x : std::exchange(s.held, {})) {
    x.what.passed_on = false;
    if (pass_on(self, x.what)) continue;
    if (x.until_ms > s.h->steady())
      s.held.push_back(std::move(x));
    else
      lose(self, x.what.order.job_id, x.what.order.epoch);
  }
}

void on_tick(nodes_pointer self) {
  auto& s = self->state;
  auto now = s.h->steady();
  rescue_due(self, now);
  part_absent(self, now);
  send_held(self);
  if (now >= s.next_watch_ms) watch_orphans(self);
  if (now >= s.next_list_ms) {
    s.next_list_ms = now + list_every_ms;
    std::vector<present_node> all;
    for (auto& [id, n] : s.here) all.push_back({id, n.session});
    tell_present(self, all, true);
  }
  self->delayed_send(self, 500ms, tick{});
}

/// For a new dispatcher, which knows no node.
void announce(nodes_pointer self, const std::string& id) {
  self->request(self->state.h->actors.reader(), store_limit, list_granted{id})
      .then(
          [=](brief_page& page) {
            auto& s = self->state;
            auto found = s.here.find(id);
            if (found == s.here.end()) return;
            auto offer = found->second.offer;
            offer.gateway = s.gateway;
            self->send(s.h->actors.dispatcher.get(), node_joined{s.known.of(std::move(offer)), std::move(page.jobs)});
          },
          [](const caf::error&) {});  // the database is away: the dispatcher asks again
}

/// The newer session is the true one.
void on_present(nodes_pointer self, const nodes_present& x) {
  auto& s = self->state;
  if (x.gateway == s.gateway) return;
  if (x.all) std::erase_if(s.elsewhere, [&](auto& n) { return n.second.gateway == x.gateway; });
  for (auto& n : x.nodes) {
    auto mine = s.here.find(n.id);
    if (mine != s.here.end() && mine->second.session > n.session) continue;
    if (mine != s.here.end()) {
      log::info("node moved to another gateway", {{"node_id", n.id}, {"gateway", x.gateway}});
      self->unlink_from(mine->second.handle.address());
      self->send_exit(mine->second.handle, caf::exit_reason::user_shutdown);
      s.here.erase(mine);
    }
    auto& far = s.elsewhere[n.id];
    if (far.session <= n.session) far = {x.gateway, n.session};
    s.awaited.erase(n.id);
  }
}

/// As a new incarnation we have no nodes: they join again, here or elsewhere. What hung on gateways that are gone is
/// looked for at once.
void on_changed(nodes_pointer self) {
  auto& s = self->state;
  auto now = s.h->cluster.me();
  if (s.gateway != now && !s.gateway.empty()) {
    for (auto& [id, n] : s.here) {
      self->unlink_from(n.handle.address());
      self->send_exit(n.handle, caf::exit_reason::user_shutdown);
    }
    s.here.clear();
    s.awaited.clear();
    s.absent.clear();
  }
  s.gateway = now;
  s.next_watch_ms = s.next_list_ms = 0;
}

/// Only a bell: a node on another gateway hears it when it is stored that it beats.
void ring(nodes_pointer self, const send_drain& x) {
  auto found = self->state.here.find(x.node_id);
  if (found != self->state.here.end()) self->send(found->second.handle, x);
}

nodes_actor::behavior_type nodes(nodes_pointer self, house* h) {
  self->state.h = h;
  self->set_exit_handler([self](caf::exit_msg& x) { on_exit(self, x); });
  self->state.gateway = h->cluster.me();
  tell_present(self, {}, true);  // those of a register before us join again
  self->delayed_send(self, 500ms, tick{});
  return {
      [self](const let_in& x, const agent_port& agent) -> caf::result<node_welcome, node_port> {
        auto promise = self->make_response_promise<node_welcome, node_port>();  // from here on only it can answer
        let_in_node(self, x, agent, promise);
        return promise;
      },
      [self](const put_out& x) { on_put_out(self, x); },
      [self](const records_changed& x) { on_records(self, x); },
      [self](send_run& x) {
        if (!pass_on(self, x)) not_here(self, x);
      },
      [self](send_stop& x) { pass_on(self, x); },
      [self](send_ack& x) { pass_on(self, x); },
      [self](const send_drain& x) { ring(self, x); },
      [self](const node_drains& x) { on_drains(self, x); },
      [self](const node_silent& x) { on_silent(self, x); },
      [self](announce_nodes) {
        for (auto& [id, n] : self->state.here) announce(self, id);
      },
      [self](const nodes_present& x) { on_present(self, x); },
      [self](cluster_changed) { on_changed(self); },
      [self](tick) { on_tick(self); },
  };
}

}  // namespace

nodes_actor spawn_nodes(house& h) { return h.system.spawn(nodes, &h); }

}  // namespace troupe
