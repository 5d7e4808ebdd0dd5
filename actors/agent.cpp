// What a node process is: takes orders, runs attempts, beats, and repeats results until they are acknowledged.
// Everything it reports carries the lease epoch, so being late or saying it twice is safe.
#include <map>
#include <system_error>

#include "actors/actors.hpp"
#include "actors/join_text.hpp"
#include "config/log.hpp"
#include "config/node_proof.hpp"
#include "model/params.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

struct attempt {
  job_kind kind = job_kind::noop;
  std::unique_ptr<run> running;        // empty: noop, or finished
  std::optional<run_report> finished;  // kept until acknowledged
  int64_t started_ms = 0;
  int64_t ends_ms = 0;  // noop with a duration
  bool stopped = false;
};

struct agent_state {
  agent_state() = default;
  static inline const char* name = "agent";

  join_node offer;
  std::string node_key;  // never sent
  run_environment environment;
  clock_fn steady;
  std::function<void(const agent_news&)> tell;

  node_port gateway;  // empty: not joined
  int64_t session = 0;
  int64_t beat_ms = limits::beat_interval_ms;
  int64_t next_beat_ms = 0;  // ticks of an earlier session come too early and end there
  int64_t answered_ms = 0;   // last beat reply
  std::map<lease_ref, attempt> held;
  node_report report;  // gathered since the last flush
  bool flush_sent = false;
  uint64_t beat_round = 0;
  bool joining = false;  // one attempt at a time
};

using agent_pointer = agent_actor::stateful_pointer<agent_state>;

void flush_soon(agent_pointer self) {
  if (std::exchange(self->state.flush_sent, true)) return;
  self->send(self, flush{});
}

void send_report(agent_pointer self) {
  auto& s = self->state;
  s.flush_sent = false;
  if (!s.gateway) {  // the next join tells it all
    s.report = {};
    return;
  }
  s.report.session = s.session;
  self->send(s.gateway, std::exchange(s.report, {}));
}

void finish(agent_pointer self, const lease_ref& lease, run_report report) {
  auto& s = self->state;
  auto found = s.held.find(lease);
  if (found == s.held.end()) return;
  found->second.running.reset();
  s.report.finished.push_back({lease, report});
  found->second.finished = std::move(report);
  flush_soon(self);
}

int64_t noop_duration_ms(const run_order& order) {
  auto params = read_params(order.kind, order.params);
  auto* good = std::get_if<job_params>(&params);
  return good == nullptr ? 0 : std::get<noop_params>(good->by_kind).duration_ms;
}

void finish_noop(agent_pointer self, const lease_ref& lease, attempt& a, run_outcome outcome) {
  run_report report;
  report.outcome = outcome;
  report.ran_ms = self->state.steady() - a.started_ms;
  finish(self, lease, std::move(report));
}

void start_noop(agent_pointer self, const lease_ref& lease, attempt& a, const run_order& order) {
  auto duration_ms = noop_duration_ms(order);
  if (duration_ms == 0) return finish_noop(self, lease, a, run_outcome::succeeded);
  a.ends_ms = a.started_ms + duration_ms;
  self->delayed_send(self, std::chrono::milliseconds{duration_ms}, attempt_done{lease, {}});
}

run_callbacks callbacks_for(agent_pointer self, const lease_ref& lease) {
  auto me = caf::actor_cast<caf::weak_actor_ptr>(self->ctrl());
  auto send = [me](auto x) {
    if (auto strong = me.lock()) caf::anon_send(caf::actor_cast<agent_actor>(strong), std::move(x));
  };
  return {[=](int32_t ppm, std::string message) {
            send(attempt_progress{lease, ppm, std::move(message)});
          },
          [=](run_report r) {
            send(attempt_done{lease, std::move(r)});
          }};
}

/// One that is being stopped has given its slot to the next: the gateway counts so, too.
size_t running(const agent_state& s) {
  size_t count = 0;
  for (auto& [lease, a] : s.held) count += a.finished || a.stopped ? 0 : 1;
  return count;
}

/// An order that comes again: the gateway did not hear that it was begun.
bool tell_again(agent_pointer self, const lease_ref& lease) {
  auto& s = self->state;
  auto found = s.held.find(lease);
  if (found == s.held.end()) return false;
  if (found->second.finished)
    s.report.finished.push_back({lease, *found->second.finished});
  else
    s.report.started.push_back(lease);
  flush_soon(self);
  return true;
}

void start(agent_pointer self, const run_order& order) {
  auto& s = self->state;
  lease_ref lease{order.job_id, order.epoch};
  auto& a = s.held[lease];
  a.kind = order.kind;
  a.started_ms = s.steady();
  s.report.started.push_back(lease);
  flush_soon(self);
  if (order.kind == job_kind::noop) return start_noop(self, lease, a, order);
  try {
    a.running = start_run(s.environment, {order.job_id, order.epoch, order.kind, order.params, order.timeout_ms},
                          callbacks_for(self, lease));
  } catch (const std::system_error& e) {  // no thread to be had: somebody else may have one
    run_report report;
    report.outcome = run_outcome::node_fault;
    report.error_code = "node_error";
    report.error_message = e.what();
    finish(self, lease, std::move(report));
  }
}

void on_done(agent_pointer self, attempt_done& x) {
  auto& s = self->state;
  auto found = s.held.find(x.lease);
  if (found == s.held.end() || found->second.finished) return;
  if (found->second.kind == job_kind::noop) return finish_noop(self, x.lease, found->second, run_outcome::succeeded);
  finish(self, x.lease, std::move(x.report));
}

void on_progress(agent_pointer self, attempt_progress& x) {
  auto& gathered = self->state.report.progress;
  for (auto& p : gathered) {
    if (p.lease != x.lease) continue;
    p.ppm = x.ppm;  // only the newest matters
    p.message = std::move(x.message);
    return;
  }
  gathered.push_back({x.lease, x.ppm, std::move(x.message)});
  flush_soon(self);
}

void stop(agent_pointer self, const lease_ref& lease) {
  auto& s = self->state;
  auto found = s.held.find(lease);
  if (found == s.held.end() || found->second.finished || std::exchange(found->second.stopped, true)) return;
  if (found->second.running)
    found->second.running->cancel();
  else
    finish_noop(self, lease, found->second, run_outcome::cancelled);
}

void forget(agent_pointer self, const std::vector<lease_ref>& leases, bool stale) {
  for (auto& l : leases) {
    auto found = self->state.held.find(l);
    if (found == self->state.held.end()) continue;
    if (stale) log::info("result refused as stale", {{"job_id", l.job_id}, {"epoch", std::to_string(l.epoch)}});
    self->state.held.erase(found);
  }
}

std::vector<lease_ref> holding(const agent_state& s) {
  std::vector<lease_ref> all;
  for (auto& [lease, a] : s.held) all.push_back(lease);
  return all;
}

/// Says again what a gateway may have missed.
void repeat(agent_pointer self, bool starts) {
  auto& s = self->state;
  for (auto& [lease, a] : s.held) {
    if (a.finished)
      s.report.finished.push_back({lease, *a.finished});
    else if (starts)
      s.report.started.push_back(lease);
  }
  flush_soon(self);
}

void parted(agent_pointer self, const std::string& why) {
  auto& s = self->state;
  if (!s.gateway) return;
  self->demonitor(s.gateway.address());
  s.gateway = node_port{};
  s.beat_round += 1;
  s.tell({false, why, {}});
}

void beat_later(agent_pointer self) {
  auto& s = self->state;
  s.next_beat_ms = s.steady() + s.beat_ms;
  self->delayed_send(self, std::chrono::milliseconds{s.beat_ms}, tick{});
}

void beat(agent_pointer self) {
  auto& s = self->state;
  if (!s.gateway || s.steady() < s.next_beat_ms) return;
  if (s.steady() - s.answered_ms > limits::lease_ttl_ms) return parted(self, "the gateway does not answer");
  auto round = s.beat_round;
  self->request(s.gateway, 5s, node_beat{s.session, holding(s)})
      .then(
          [=](const beat_reply& reply) {
            if (round != self->state.beat_round) return;
            if (!reply.known) return parted(self, "the gateway knows another session");
            self->state.answered_ms = self->state.steady();
          },
          [=](const caf::error&) {});
  repeat(self, false);
  beat_later(self);
}

void joined(agent_pointer self, const node_welcome& w, const node_port& gateway) {
  auto& s = self->state;
  s.joining = false;
  s.gateway = gateway;
  s.session = w.session;
  s.beat_ms = w.beat_interval_ms;
  s.answered_ms = s.steady();
  s.report = {};
  self->monitor(gateway);
  for (auto& l : w.stop) {  // somebody else's now; what is finished is reported once more and refused
    stop(self, l);
  }
  repeat(self, true);
  s.tell({true, w.node_id, w.gateways});
  beat_later(self);
}

/// What it offers now, with the proof that it may.
join_node proven(const agent_state& s, const std::string& nonce) {
  auto ask = s.offer;
  ask.holding = holding(s);
  ask.key_id = node_key_id(s.node_key);
  ask.nonce = nonce;
  ask.proof = prove_node_key(s.node_key, join_text::of(ask));
  return ask;
}

void join(agent_pointer self, const door_actor& door) {
  auto& s = self->state;
  if (s.gateway || std::exchange(s.joining, true)) return;
  auto refused = [self](const caf::error& why) {
    auto f = to_failure(why);
    self->state.joining = false;
    self->state.tell({false, f.detail.empty() ? caf::to_string(why) : f.detail, {}});
  };
  self->request(door, 5s, knock{})
      .then(
          [=](const challenge& c) {
            auto me = caf::actor_cast<agent_port>(caf::actor_cast<caf::strong_actor_ptr>(self));
            self->request(door, 5s, proven(self->state, c.nonce), me)
                .then([=](const node_welcome& w, const node_port& gateway) { joined(self, w, gateway); }, refused);
          },
          refused);
}

agent_actor::behavior_type agent(agent_pointer self, join_node offer, std::string node_key, run_environment environment,
                                 clock_fn steady, std::function<void(const agent_news&)> tell) {
  auto& s = self->state;
  s.offer = std::move(offer);
  s.node_key = std::move(node_key);
  s.environment = std::move(environment);
  s.steady = std::move(steady);
  s.tell = std::move(tell);
  self->set_down_handler([self](const caf::down_msg& down) {
    if (self->state.gateway && self->state.gateway.address() == down.source) parted(self, "the connection broke");
  });
  return {
      [self](const run_jobs& x) {
        for (auto& order : x.orders) {
          if (tell_again(self, {order.job_id, order.epoch})) continue;
          if (running(self->state) < static_cast<size_t>(self->state.offer.slots)) {
            start(self, order);
          } else {
            self->state.report.rejected.push_back({order.job_id, order.epoch});
            flush_soon(self);
          }
        }
      },
      [self](const stop_jobs& x) {
        for (auto& l : x.leases) stop(self, l);
      },
      [self](const report_ack& x) {
        forget(self, x.stored, false);
        forget(self, x.stale, true);
      },
      [self](const connect_door& x) { join(self, x.door); },
      [self](attempt_progress& x) { on_progress(self, x); },
      [self](attempt_done& x) { on_done(self, x); },
      [self](tick) { beat(self); },
      [self](flush) { send_report(self); },
  };
}

}  // namespace

agent_actor spawn_agent(caf::actor_system& system, join_node join, std::string node_key, run_environment environment,
                        clock_fn steady, std::function<void(const agent_news&)> tell) {
  return system.spawn(agent, std::move(join), std::move(node_key), std::move(environment), std::move(steady),
                      std::move(tell));
}

}  // namespace troupe
