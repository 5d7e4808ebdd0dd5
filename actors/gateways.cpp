// Our seat among the gateways that share the database: beats, looks who lives and who owns what, takes and gives
// shards, and keeps a link to every other gateway. Nothing here is needed for safety: the store's fence is.
#include <algorithm>
#include <unordered_map>

#include "actors/actors.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 1s;

struct gateways_state {
  gateways_state() = default;
  static inline const char* name = "gateways";
  house* h = nullptr;
  std::unique_ptr<membership> db;
  gateway_row me;  // id empty: not seated
  cluster_view view;
  cluster_planner planner{limits::gateway_ttl_ms, limits::gateway_broken_ms};
  std::unordered_map<caf::actor_addr, std::string> linked;
  std::map<int32_t, std::string> giving;
  bool away = false;  // the database is
};

using gateways_pointer = gateways_actor::stateful_pointer<gateways_state>;

void tell_all(gateways_pointer self) {
  auto& a = self->state.h->actors;
  auto mine = self->state.h->cluster.owns(duty_shard);
  auto gate = self->state.h->cluster.gate_of(duty_shard);
  if (mine || !gate)
    a.dispatcher.set(a.own_dispatcher.get());
  else
    a.dispatcher.set(gate);
  self->send(a.own_dispatcher.get(), cluster_changed{});
  self->send(a.jobs.get(), cluster_changed{});
  self->send(a.quotas.get(), cluster_changed{});
  self->send(a.nodes.get(), cluster_changed{});
}

std::string seats_of(const cluster_view& v) {
  std::string text;
  for (auto& g : v.gateways) text += g.id + ' ';
  for (auto& s : v.shards) text += s.owner + ' ' + std::to_string(s.epoch) + ' ';
  return text;
}

/// Takes over what the store says; everybody hears of it when it is news.
void look(gateways_pointer self) {
  auto& s = self->state;
  auto view = s.db->view();
  auto news = seats_of(view) != seats_of(s.view);
  s.view = std::move(view);
  if (!news) return;
  s.h->cluster.set_view(s.me.id, s.view);
  tell_all(self);
}

/// A gateway that was away for so long that others took its place comes back as a new one, with nothing.
void enter(gateways_pointer self) {
  auto& s = self->state;
  s.me.id = "gw_" + random_hex(13);
  s.me.secret = random_hex(32);
  s.giving.clear();
  s.db->enter(s.me);
  log::info("seated among the gateways", {{"gateway", s.me.id}, {"address", s.me.address}});
}

void remove_dead(gateways_pointer self, const std::vector<gateway_row>& dead) {
  auto& s = self->state;
  for (auto& g : dead) {
    if (!s.db->remove(g)) continue;
    log::warn("a gateway is gone", {{"gateway", g.id}, {"name", g.name}, {"address", g.address}});
  }
}

void give(gateways_pointer self, const std::map<int32_t, std::string>& gifts) {
  auto& s = self->state;
  if (!s.giving.empty()) return;  // one hand-off at a time
  release_shards ask;
  for (auto& [shard, to] : gifts) {
    s.giving[shard] = to;
    s.h->cluster.hand_over(shard);
    ask.shards.push_back(shard);
  }
  if (!ask.shards.empty()) self->send(s.h->actors.quotas.get(), std::move(ask));  // and then to `jobs`
}

/// Of two gateways the one with the greater id calls the other, so that there is one connection.
void dial_missing(gateways_pointer self) {
  auto& s = self->state;
  for (auto& g : s.view.gateways)
    if (g.id < s.me.id && !s.h->cluster.gate(g.id))
      self->send(s.h->actors.dialer.get(), dial_gateway{s.me.id, s.me.secret, g});
}

std::set<std::string> linked_ids(const gateways_state& s) {
  std::set<std::string> ids;
  for (auto& [address, id] : s.linked) ids.insert(id);
  return ids;
}

void live(gateways_pointer self) {
  auto& s = self->state;
  if (s.me.id.empty() || !s.db->beat(s.me.id)) {
    if (!s.me.id.empty()) log::warn("this gateway was taken for dead and starts anew", {{"gateway", s.me.id}});
    enter(self);
  }
  look(self);
  auto plan = s.planner.look(s.view, s.me.id, linked_ids(s), s.h->steady());
  remove_dead(self, plan.remove);
  auto taken = plan.take > 0 ? s.db->take(s.me.id, plan.take) : 0;
  if (taken > 0) log::info("took shards", {{"shards", std::to_string(taken)}});
  if (taken > 0 || !plan.remove.empty()) look(self);
  give(self, plan.give);
  dial_missing(self);
  if (std::exchange(s.away, false)) log::info("the gateways' table is there again");
}

void on_tick(gateways_pointer self) {
  auto& s = self->state;
  try {
    live(self);
  } catch (const store_unavailable& e) {
    if (!std::exchange(s.away, true)) log::warn("the gateways' table is away", {{"why", e.what()}});
  }
}

void look_again(gateways_pointer self) {
  on_tick(self);
  self->delayed_send(self, look_every, tick{});
}

/// The jobs of these shards are at rest: the next owner may have them.
void on_released(gateways_pointer self, const shards_released& x) {
  auto& s = self->state;
  std::set<std::string> receivers;
  try {
    for (auto shard : x.shards) {
      auto to = s.giving.find(shard);
      auto mine = std::find_if(s.view.shards.begin(), s.view.shards.end(),
                               [&](const shard_row& r) { return r.shard == shard && r.owner == s.me.id; });
      if (to == s.giving.end() || mine == s.view.shards.end()) continue;
      if (s.db->give(*mine, to->second)) receivers.insert(to->second);
    }
    look(self);
  } catch (const store_unavailable& e) {
    log::warn("shards could not be handed over", {{"why", e.what()}});
  }
  for (auto& [shard, to] : s.giving) s.h->cluster.keep(shard);  // what was not given stays ours
  s.giving.clear();
  self->send(s.h->actors.jobs.get(), cluster_changed{});
  for (auto& id : receivers)
    if (auto gate = s.h->cluster.gate(id)) self->send(gate, shards_moved{});
}

void link(gateways_pointer self, const std::string& id, const gate_actor& gate) {
  auto& s = self->state;
  self->monitor(gate);
  s.linked[gate.address()] = id;
  s.h->cluster.link(id, gate);
  log::info("linked with a gateway", {{"gateway", id}});
  tell_all(self);
}

void on_down(gateways_pointer self, const caf::down_msg& down) {
  auto& s = self->state;
  auto found = s.linked.find(down.source);
  if (found == s.linked.end()) return;
  auto id = found->second;
  s.linked.erase(found);
  auto now = s.h->cluster.gate(id);
  if (now && now.address() != down.source) return;  // there is a newer link
  log::warn("the link to a gateway broke", {{"gateway", id}});
  s.h->cluster.unlink(id);
  tell_all(self);
}

/// Whoever knows our secret reads the database, and so is a gateway.
caf::result<gateway_met, gate_actor> on_meet(gateways_pointer self, const meet_gateway& x, const gate_actor& gate) {
  auto& s = self->state;
  if (s.me.id.empty() || x.proof != proof_of(s.me.secret, x.id) || !gate)
    return to_error({errc::unauthenticated, "not a gateway of this cluster", {}, {}});
  auto known = std::find_if(s.view.gateways.begin(), s.view.gateways.end(), [&](auto& g) { return g.id == x.id; });
  if (known == s.view.gateways.end()) {  // it may have come just now
    try {
      look(self);
    } catch (const store_unavailable& e) {
      return to_error({errc::unavailable, e.what(), {}, {}});
    }
    known = std::find_if(s.view.gateways.begin(), s.view.gateways.end(), [&](auto& g) { return g.id == x.id; });
    if (known == s.view.gateways.end()) return to_error({errc::unauthenticated, "no such gateway", {}, {}});
  }
  link(self, x.id, gate);
  return {gateway_met{s.me.id, proof_of(known->secret, s.me.id)}, s.h->actors.gate.get()};
}

caf::result<void> sit_down(gateways_pointer self, const take_seat& x) {
  auto& s = self->state;
  s.me.name = x.name;
  s.me.address = x.address;
  try {
    live(self);
  } catch (const store_unavailable& e) {
    return to_error({errc::unavailable, e.what(), {}, {}});
  }
  self->delayed_send(self, look_every, tick{});
  return caf::unit;
}

gateways_actor::behavior_type gateways(gateways_pointer self, house* h, std::unique_ptr<membership> db) {
  auto& s = self->state;
  s.h = h;
  s.db = std::move(db);
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  self->set_exit_handler([self](caf::exit_msg& x) {
    try {
      if (!self->state.me.id.empty()) self->state.db->leave(self->state.me.id);
    } catch (const store_unavailable& e) {
      log::warn("left without a word", {{"why", e.what()}});
    }
    self->quit(x.reason);
  });
  return {
      [self](const take_seat& x) { return sit_down(self, x); },
      [self](const meet_gateway& x, const gate_actor& gate) { return on_meet(self, x, gate); },
      [self](const gateway_linked& x) { link(self, x.id, x.gate); },
      [self](const shards_released& x) { on_released(self, x); },
      [self](shards_moved) { on_tick(self); },
      [self](tick) { look_again(self); },
  };
}

}  // namespace

gateways_actor spawn_gateways(house& h, run_on where, std::unique_ptr<membership> db) {
  if (where == run_on::own_thread) return h.system.spawn<caf::detached>(gateways, &h, std::move(db));
  return h.system.spawn(gateways, &h, std::move(db));
}

}  // namespace troupe
