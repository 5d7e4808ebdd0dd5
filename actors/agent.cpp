// What a node process is: takes orders, runs attempts, beats, and repeats results until they are acknowledged.
// Everything it reports carries the lease epoch, so being late or saying it twice is safe.
#include <algorithm>
#include <system_error>

#include "actors/agent_state.hpp"
#include "actors/join_text.hpp"
#include "config/log.hpp"
#include "config/node_proof.hpp"
#include "model/params.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

void send_report(agent_pointer self) {
  auto& s = self->state;
  s.flush_sent = false;
  if (!s.gateway) {  // the next join tells it all
    s.report = {};
    return leave_if_drained(self);
  }
  s.report.session = s.session;
  self->send(s.gateway, std::exchange(s.report, {}));
  leave_if_drained(self);
}

}  // namespace

void finish(agent_pointer self, const lease_ref& lease, run_report report, int64_t checkpoint_bytes) {
  auto& s = self->state;
  auto found = s.held.find(lease);
  if (found == s.held.end()) return;
  auto& a = found->second;
  a.running.reset();
  a.moves.reset();
  s.report.finished.push_back({lease, report, checkpoint_bytes});
  a.finished = std::move(report);
  a.checkpoint_bytes = checkpoint_bytes;
  flush_soon(self);
}

namespace {

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
          },
          [=](std::string bytes) {
            send(attempt_checkpoint{lease, std::make_shared<const std::string>(std::move(bytes))});
          },
          [=](std::string_view stream, std::string bytes, bool last) {
            send(attempt_output{lease, std::string{stream}, std::move(bytes), last});
          }};
}

/// One that is being stopped has given its slot to the next: the gateway counts so, too.
size_t running(const agent_state& s) {
  size_t count = 0;
  for (auto& [lease, a] : s.held) count += a.finished || a.stopped ? 0 : 1;
  return count;
}

/// Its end, as often as need be; or that it was begun, unless it still waits for its checkpoint.
void tell(agent_state& s, const lease_ref& lease, const attempt& a, bool started) {
  if (a.finished)
    s.report.finished.push_back({lease, *a.finished, a.checkpoint_bytes});
  else if (started && a.started_ms != 0)
    s.report.started.push_back(lease);
}

/// An order that comes again: the gateway did not hear that it was begun.
bool tell_again(agent_pointer self, const lease_ref& lease) {
  auto& s = self->state;
  auto found = s.held.find(lease);
  if (found == s.held.end()) return false;
  tell(s, lease, found->second, true);
  flush_soon(self);
  return true;
}

/// Whether the node has what the order gives away, beside what its running attempts have.
bool has_devices(const agent_state& s, const run_order& order) {
  std::vector<int64_t> free_mb;
  for (auto& gpu : s.offer.gpus) free_mb.push_back(gpu.vram_mb);
  auto take = [&](const std::vector<gpu_share>& shares) {
    return std::all_of(shares.begin(), shares.end(), [&](const gpu_share& x) {
      if (x.device < 0 || static_cast<size_t>(x.device) >= free_mb.size()) return false;
      return (free_mb[static_cast<size_t>(x.device)] -= x.vram_mb) >= 0 && x.vram_mb >= 0;
    });
  };
  for (auto& [lease, a] : s.held)
    if (!a.finished && !a.stopped) take(a.devices);
  return take(order.devices);
}

std::string visible_devices(const std::vector<gpu_device>& gpus, const std::vector<gpu_share>& shares) {
  std::string names;
  for (auto& x : shares) {
    auto& gpu = gpus[static_cast<size_t>(x.device)];
    names += (names.empty() ? "" : ",") + (gpu.uuid.empty() ? std::to_string(gpu.index) : gpu.uuid);
  }
  return names;
}

}  // namespace

void launch(agent_pointer self, const lease_ref& lease, const run_order& order,
            std::shared_ptr<const std::string> checkpoint) {
  auto& s = self->state;
  auto& a = s.held[lease];
  a.moves.reset();
  a.kind = order.kind;
  a.started_ms = s.steady();
  s.report.started.push_back(lease);
  flush_soon(self);
  if (order.kind == job_kind::noop) return start_noop(self, lease, a, order);
  try {
    a.running = start_run(s.environment,
                          {order.job_id, order.epoch, order.kind, order.params, order.timeout_ms, std::move(checkpoint),
                           s.checkpoint_bytes_max, visible_devices(s.offer.gpus, order.devices)},
                          callbacks_for(self, lease));
  } catch (const std::system_error& e) {  // no thread to be had: somebody else may have one
    run_report report;
    report.outcome = run_outcome::node_fault;
    report.error_code = "node_error";
    report.error_message = e.what();
    finish(self, lease, std::move(report));
  }
}

namespace {

void take_order(agent_pointer self, const run_order& order) {
  auto& s = self->state;
  lease_ref lease{order.job_id, order.epoch};
  if (tell_again(self, lease)) return;
  if (s.is_draining() || running(s) >= static_cast<size_t>(s.offer.slots) || !has_devices(s, order)) {
    s.report.rejected.push_back(lease);
    return flush_soon(self);
  }
  auto& a = s.held[lease];
  a.kind = order.kind;
  a.devices = order.devices;
  order.checkpoint_epoch > 0 ? fetch(self, order) : launch(self, lease, order, {});
}

void on_done(agent_pointer self, attempt_done& x) {
  auto& s = self->state;
  auto found = s.held.find(x.lease);
  if (found == s.held.end() || found->second.finished) return;
  if (found->second.kind == job_kind::noop) return finish_noop(self, x.lease, found->second, run_outcome::succeeded);
  if (!waits_for_checkpoint(self, x.lease, x.report)) finish(self, x.lease, std::move(x.report));
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
  else if (found->second.moves)
    drop_checkpoint(self, lease);
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
  leave_if_drained(self);
}

std::vector<lease_ref> holding(const agent_state& s) {
  std::vector<lease_ref> all;
  for (auto& [lease, a] : s.held) all.push_back(lease);
  return all;
}

/// Says again what a gateway may have missed.
void repeat(agent_pointer self, bool starts) {
  auto& s = self->state;
  for (auto& [lease, a] : s.held) tell(s, lease, a, starts);
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
  auto metrics = s.environment.sense ? s.environment.sense() : node_metrics{};
  self->request(s.gateway, 5s, node_beat{s.session, holding(s), std::move(metrics), s.leaves})
      .then(
          [=](const beat_reply& reply) {
            if (round != self->state.beat_round) return;
            if (!reply.known) return parted(self, "the gateway knows another session");
            self->state.answered_ms = self->state.steady();
            heed_drain(self, reply.drain_left_ms);
          },
          [=](const caf::error&) {});
  repeat(self, false);
  move_checkpoints(self);
  repeat_logs(self);
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
  for (auto& [lease, a] : s.held)
    if (a.moves) a.moves->asked = false;  // whoever was asked is gone
  move_checkpoints(self);
  s.logs.again();
  send_gathered_logs(self);
  s.tell({true, w.node_id, w.gateways});
  s.checkpoint_bytes_max = w.checkpoint_bytes_max;
  s.environment.artifact_bytes_max = std::min(s.artifact_bytes_max, w.artifact_bytes_max);
  heed_drain(self, w.drain_left_ms);
  beat_later(self);
}

/// What it offers now, with the proof that it may.
join_node proven(const agent_state& s, const std::string& nonce) {
  auto ask = s.offer;
  ask.holding = holding(s);
  ask.draining = s.leaves;
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
                                 clock_fn steady, std::function<void(const agent_news&)> tell,
                                 std::function<void()> drained) {
  auto& s = self->state;
  s.offer = std::move(offer);
  s.node_key = std::move(node_key);
  s.environment = std::move(environment);
  s.artifact_bytes_max = s.environment.artifact_bytes_max;
  s.steady = std::move(steady);
  s.tell = std::move(tell);
  s.drained = std::move(drained);
  self->set_down_handler([self](const caf::down_msg& down) {
    if (self->state.gateway && self->state.gateway.address() == down.source) parted(self, "the connection broke");
  });
  return {
      [self](const run_jobs& x) {
        for (auto& order : x.orders) take_order(self, order);
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
      [self](attempt_checkpoint& x) { hand_over(self, x.lease, std::move(x.bytes)); },
      [self](const drain_agent& x) { begin_drain(self, x.after_ms); },
      [self](drain_due) { look_at_drain(self); },
      [self](attempt_output& x) { on_output(self, x); },
      [self](const logs_stored& x) { on_stored(self, x); },
      [self](rung) {
        self->state.logs_soon = false;
        if (!self->state.logs.waits()) send_gathered_logs(self);
      },
      [self](tick) { beat(self); },
      [self](flush) { send_report(self); },
  };
}

}  // namespace

agent_actor spawn_agent(caf::actor_system& system, join_node join, std::string node_key, run_environment environment,
                        clock_fn steady, std::function<void(const agent_news&)> tell, std::function<void()> drained) {
  return system.spawn(agent, std::move(join), std::move(node_key), std::move(environment), std::move(steady),
                      std::move(tell), std::move(drained));
}

}  // namespace troupe
