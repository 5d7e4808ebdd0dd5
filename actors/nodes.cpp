// The door for nodes, the register of those that are here, and the rescue of the jobs of those that are gone.
#include <algorithm>
#include <unordered_map>

#include "actors/actors.hpp"
#include "actors/guard.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr int64_t rescue_again_ms = 5'000;  // until none of its jobs is granted to it any more

using welcome_promise = caf::typed_response_promise<node_welcome, node_port>;

struct joined_node {
  node_actor handle;
  int64_t session = 0;
  std::string instance, key_id;
  node_offer offer;
};

struct nodes_state {
  nodes_state() = default;
  static inline const char* name = "nodes";
  house* h = nullptr;
  std::unordered_map<std::string, joined_node> here;
  std::unordered_map<std::string, int64_t> awaited;  // node -> when its jobs are lost, on the monotonic clock
  bool knows_awaited = false;                        // the nodes of before the start were read
};

using nodes_pointer = nodes_actor::stateful_pointer<nodes_state>;

std::string join_texts(const std::vector<std::string>& parts) {
  std::string all;
  for (auto& x : parts) all += (all.empty() ? "" : ",") + x;
  return all;
}

node_row row_of(const join_node& ask, const node_key_row& key, time_ms now_ms) {
  std::vector<std::string> gpus, labels;
  for (auto& g : ask.gpus) gpus.push_back(g.model + ":" + std::to_string(g.vram_mb));
  for (auto& l : ask.labels) labels.push_back(l.key + "=" + l.value);
  node_row row;
  row.id = "node_" + sha256_hex(key.user_id + "\n" + ask.name).substr(0, 26);  // the same name is the same node
  row.name = ask.name;
  row.user_id = key.user_id;
  row.region = ask.region;
  row.state = "online";
  row.instance = ask.instance;
  row.lease_until_ms = now_ms + limits::lease_ttl_ms;
  row.slots = ask.slots;
  row.rate = ask.rate;
  row.gpus = join_texts(gpus);
  row.labels = join_texts(labels);
  row.models = join_texts(ask.models);
  row.registered_ms = row.seen_ms = now_ms;
  row.cpu_cores = ask.cpu_cores;
  row.memory_mb = ask.memory_mb;
  row.disk_mb = ask.disk_mb;
  row.devices = ask.gpus;
  return row;
}

node_offer offer_of(const node_row& row, const join_node& ask, int64_t session) {
  return {row.id,        row.user_id,         row.region,  session,       row.slots,     row.rate,
          ask.gpus,      ask.labels,          ask.models,  row.cpu_cores, row.memory_mb, row.disk_mb,
          row.trust_ppm, row.reliability_ppm, row.draining};
}

void lose(nodes_pointer self, const std::string& job_id, int64_t epoch) {
  self->send(self->state.h->actors.jobs.get(), tell_job{job_id, job_input::lost{epoch}});
}

list_live_jobs granted_jobs() {
  return {{job_state::leased, job_state::running, job_state::cancelling}, {}, 1'000'000};
}

/// Compares what the store says the node has with what it says it holds: keep, stop, or lost.
struct reconciled {
  std::vector<lease_ref> keep, stop, lost;
  std::vector<job_brief> busy;
};

reconciled reconcile(const std::string& node_id, std::vector<lease_ref> holding,
                     const std::vector<job_brief>& granted) {
  reconciled r;
  std::sort(holding.begin(), holding.end());
  for (auto& j : granted) {
    if (j.node_id != node_id) continue;
    lease_ref lease{j.id, j.lease_epoch};
    auto held = std::lower_bound(holding.begin(), holding.end(), lease);
    if (held == holding.end() || *held != lease) {
      r.lost.push_back(lease);
      continue;
    }
    r.keep.push_back(lease);
    r.busy.push_back(j);
  }
  std::sort(r.keep.begin(), r.keep.end());
  for (auto& x : holding)
    if (!std::binary_search(r.keep.begin(), r.keep.end(), x)) r.stop.push_back(x);
  return r;
}

void welcome(nodes_pointer self, const node_row& row, const join_node& ask, int64_t session, const agent_port& agent,
             const std::vector<job_brief>& granted, welcome_promise promise) {
  auto& s = self->state;
  auto r = reconcile(row.id, ask.holding, granted);
  node_welcome answer{row.id, session, limits::beat_interval_ms, limits::lease_ttl_ms, r.stop};
  auto handle = spawn_node(*s.h, answer, agent, r.keep);
  self->link_to(handle.address());  // without this register a node must join again
  s.awaited.erase(row.id);
  auto offer = offer_of(row, ask, session);
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
  self->send(s.h->actors.dispatcher.get(), node_joined{std::move(offer), r.busy});
  promise.deliver(std::move(answer), caf::actor_cast<node_port>(handle));
}

/// The session epoch is taken in the store first; only then is the node here.
void enter(nodes_pointer self, const node_key_row& key, const join_node& ask, const agent_port& agent,
           welcome_promise promise) {
  auto* h = self->state.h;
  auto row = row_of(ask, key, h->now_ms());
  auto old = self->state.here.find(row.id);
  if (old != self->state.here.end() && old->second.instance != ask.instance) {
    promise.deliver(to_error({errc::conflict, "another node named '" + ask.name + "' is here", {}, {}}));
    return;
  }
  if (old != self->state.here.end()) {  // the same process again, after a broken connection
    self->unlink_from(old->second.handle.address());
    self->send_exit(old->second.handle, caf::exit_reason::user_shutdown);
    self->state.here.erase(old);
    self->state.awaited[row.id] = h->steady() + limits::lease_ttl_ms;
    self->send(h->actors.dispatcher.get(), node_left{row.id});
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
            self->request(h->actors.reader(), store_limit, granted_jobs())
                .then(
                    [=](const brief_page& page) {
                      welcome(self, row, ask, result.session_epoch, agent, page.jobs, promise);
                    },
                    refuse);
          },
          refuse);
}

/// Whoever joined with one of these keys goes; its jobs are rescued as those of a silent node.
void on_put_out(nodes_pointer self, const put_out& x) {
  for (auto& [id, n] : self->state.here) {
    if (std::find(x.key_ids.begin(), x.key_ids.end(), n.key_id) == x.key_ids.end()) continue;
    log::warn("a node's key has ended", {{"node_id", id}, {"key_id", n.key_id}});
    self->send(n.handle, leave{});
  }
}

/// Its jobs are lost for the node: whoever still holds one may finish it until somebody else has it.
void rescue(nodes_pointer self, const std::string& node_id) {
  self->request(self->state.h->actors.reader(), store_limit, granted_jobs())
      .then(
          [=](const brief_page& page) {
            if (self->state.here.contains(node_id)) return;  // back in the meantime
            int64_t count = 0;
            for (auto& j : page.jobs) {
              if (j.node_id != node_id) continue;
              lose(self, j.id, j.lease_epoch);
              ++count;
            }
            if (count > 0) self->state.awaited.emplace(node_id, self->state.h->steady() + rescue_again_ms);
            if (count > 0)
              log::warn("rescuing jobs of a lost node", {{"node_id", node_id}, {"jobs", std::to_string(count)}});
          },
          [=](const caf::error&) { self->state.awaited.emplace(node_id, self->state.h->steady() + 1'000); });
}

void on_silent(nodes_pointer self, const node_silent& x) {
  auto& s = self->state;
  auto found = s.here.find(x.node_id);
  if (found == s.here.end() || found->second.session != x.session) return;
  s.here.erase(found);
  s.awaited[x.node_id] = x.rescue_at_ms;
  self->send(s.h->actors.dispatcher.get(), node_left{x.node_id});
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

/// After a start every node with granted jobs gets a fresh lease time to come back in.
void await_old_nodes(nodes_pointer self) {
  self->request(self->state.h->actors.reader(), store_limit, granted_jobs())
      .then(
          [self](const brief_page& page) {
            auto& s = self->state;
            s.knows_awaited = true;
            for (auto& j : page.jobs)
              if (!s.here.contains(j.node_id)) s.awaited.emplace(j.node_id, s.h->steady() + limits::lease_ttl_ms);
          },
          [](const caf::error&) {});  // the database is away: again at the next tick
}

void on_tick(nodes_pointer self) {
  auto& s = self->state;
  auto now = s.h->steady();
  std::vector<std::string> over;
  for (auto& [id, at] : s.awaited)
    if (at <= now) over.push_back(id);
  for (auto& id : over) {
    s.awaited.erase(id);
    rescue(self, id);
  }
  if (!s.knows_awaited) await_old_nodes(self);
  self->delayed_send(self, 500ms, tick{});
}

/// For a new dispatcher, which knows no node.
void announce(nodes_pointer self) {
  self->request(self->state.h->actors.reader(), store_limit, granted_jobs())
      .then(
          [self](const brief_page& page) {
            auto& s = self->state;
            for (auto& [id, n] : s.here) {
              std::vector<job_brief> busy;
              for (auto& j : page.jobs)
                if (j.node_id == id) busy.push_back(j);
              self->send(s.h->actors.dispatcher.get(), node_joined{n.offer, std::move(busy)});
            }
          },
          [self](const caf::error&) { self->delayed_send(self, 500ms, announce_nodes{}); });
}

/// A fresh order for a node that is away is lost at once; one that is only repeated waits for the node or its rescue.
void not_here(nodes_pointer self, const send_run& x) {
  auto& s = self->state;
  if (x.again && (!s.knows_awaited || s.awaited.contains(x.node_id))) return;
  lose(self, x.order.job_id, x.order.epoch);
}

template <class M>
bool pass_on(nodes_pointer self, M& x) {
  auto found = self->state.here.find(x.node_id);
  if (found == self->state.here.end()) return false;
  self->send(found->second.handle, std::move(x));
  return true;
}

nodes_actor::behavior_type nodes(nodes_pointer self, house* h) {
  self->state.h = h;
  self->set_exit_handler([self](caf::exit_msg& x) { on_exit(self, x); });
  self->send(h->actors.dispatcher.get(), nodes_left{});  // those of a register before us join again
  await_old_nodes(self);
  self->delayed_send(self, 500ms, tick{});
  return {
      [self](const let_in& x, const agent_port& agent) -> caf::result<node_welcome, node_port> {
        auto promise = self->make_response_promise<node_welcome, node_port>();  // from here on only it can answer
        enter(self, x.key, x.ask, agent, promise);
        return promise;
      },
      [self](const put_out& x) { on_put_out(self, x); },
      [self](send_run& x) {
        if (!pass_on(self, x)) not_here(self, x);
      },
      [self](send_stop& x) { pass_on(self, x); },
      [self](send_ack& x) { pass_on(self, x); },
      [self](const node_silent& x) { on_silent(self, x); },
      [self](announce_nodes) { announce(self); },
      [self](tick) { on_tick(self); },
  };
}

}  // namespace

nodes_actor spawn_nodes(house& h) { return h.system.spawn(nodes, &h); }

}  // namespace troupe
