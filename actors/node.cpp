// The gateway's side of one joined node: liveness, what it was given, and the batched way there and back.
#include <unordered_map>

#include "actors/actors.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

constexpr int64_t store_every_ms = 30'000;  // a write for each beat of 10,000 nodes would cost more than their jobs
constexpr int64_t stalled_ms = 3'000;
constexpr int64_t tick_ms = 500;

struct given {
  int64_t epoch = 0;
  int64_t since_ms = 0;  // monotonic: given, or last named in a beat
};

struct node_state {
  node_state() = default;
  static inline const char* name = "node";
  house* h = nullptr;
  std::string id;
  int64_t session = 0;
  agent_port agent;
  int64_t last_beat_ms = 0;
  node_metrics metrics;
  int64_t stored_ms = 0;  // when the store heard of it last
  int64_t tick_due_ms = 0;
  bool looks_closely = false;  // the tick comes a short step after the one before
  // draining
  time_ms drain_until_ms = 0;  // as of the store; 0: no operator wants it
  bool leaves = false;         // the agent's own decision
  int tell_again = 0;          // beats for which the dispatcher hears it again
  std::unordered_map<std::string, given> leases;
  // gathered for the agent
  run_jobs runs;
  stop_jobs stops;
  report_ack acks;
  bool flush_sent = false;
};

using node_pointer = node_actor::stateful_pointer<node_state>;

bool is_draining(const node_state& s) { return s.leaves || s.drain_until_ms > 0; }

/// The dispatcher hears a change at once, and again for a while: it may be elsewhere, and messages get lost.
void learn_drain(node_pointer self, time_ms until_ms, bool leaves) {
  constexpr int repetitions = 5;
  auto& s = self->state;
  auto before = is_draining(s);
  s.drain_until_ms = until_ms;
  s.leaves = leaves;
  auto draining = is_draining(s);
  if (draining != before) {
    log::info(draining ? "node drains" : "node drains no more", {{"node_id", s.id}});
    s.tell_again = repetitions;
  }
  if (!draining && s.tell_again == 0) return;
  if (!draining) s.tell_again -= 1;
  self->send(s.h->actors.nodes.get(), node_drains{s.id, s.session, draining});
}

void flush_soon(node_pointer self) {
  if (std::exchange(self->state.flush_sent, true)) return;
  self->send(self, flush{});
}

void send_gathered(node_pointer self) {
  auto& s = self->state;
  s.flush_sent = false;
  if (!s.stops.leases.empty()) self->send(s.agent, std::exchange(s.stops, {}));  // first: they make room
  if (!s.runs.orders.empty()) self->send(s.agent, std::exchange(s.runs, {}));
  if (!s.acks.stored.empty() || !s.acks.stale.empty()) self->send(s.agent, std::exchange(s.acks, {}));
}

void on_run(node_pointer self, send_run& x) {
  auto& s = self->state;
  auto known = s.leases.find(x.order.job_id);
  auto repeats = x.again && known != s.leases.end() && known->second.epoch == x.order.epoch;
  if (x.session != s.session)  // granted to an earlier session: never told to anyone
    return self->send(s.h->actors.jobs.get(), tell_job{x.order.job_id, job_input::lost{x.order.epoch}});
  if (!repeats && is_draining(s)) {  // whoever placed it must hear that first, or would place it here again and again
    self->send(s.h->actors.nodes.get(), node_drains{s.id, s.session, true});
    return self->send(s.h->actors.jobs.get(), tell_job{x.order.job_id, job_input::reject{x.order.epoch, true}});
  }
  if (!repeats) s.leases[x.order.job_id] = {x.order.epoch, s.h->steady()};
  s.runs.orders.push_back(std::move(x.order));
  flush_soon(self);
}

/// An order that is still here never goes out: it would come behind its own end, and keep the room of the next one.
void on_stop(node_pointer self, const send_stop& x) {
  auto& s = self->state;
  auto is_it = [&](const run_order& o) { return o.job_id == x.lease.job_id && o.epoch <= x.lease.epoch; };
  if (std::erase_if(s.runs.orders, is_it) > 0) s.leases.erase(x.lease.job_id);
  s.stops.leases.push_back(x.lease);
  flush_soon(self);
}

void on_ack(node_pointer self, const send_ack& x) {
  auto& s = self->state;
  auto found = s.leases.find(x.lease.job_id);
  if (found != s.leases.end() && found->second.epoch <= x.lease.epoch) s.leases.erase(found);
  (x.stale ? s.acks.stale : s.acks.stored).push_back(x.lease);
  flush_soon(self);
}

void on_report(node_pointer self, node_report& x) {
  auto& s = self->state;
  if (x.session != s.session) return;
  auto jobs = s.h->actors.jobs.get();
  for (auto& l : x.started) self->send(jobs, tell_job{l.job_id, job_input::start{l.epoch}});
  for (auto& p : x.progress)
    self->send(jobs, tell_job{p.lease.job_id, job_input::progress{p.lease.epoch, p.ppm, std::move(p.message)}});
  for (auto& f : x.finished)
    self->send(jobs, tell_job{f.lease.job_id,
                              job_input::finish{f.lease.epoch, std::move(f.report), s.id, f.checkpoint_bytes}});
  for (auto& l : x.rejected) {
    s.leases.erase(l.job_id);
    self->send(jobs, tell_job{l.job_id, job_input::reject{l.epoch, is_draining(s)}});
  }
}

/// The pieces of each stream are a change of their own; what is stored already is acknowledged again.
void store_logs(node_pointer self, send_logs& x) {
  auto& s = self->state;
  if (x.session != s.session) return;
  commit_changes ask;
  std::vector<log_mark> marks;  // where each change ends
  for (auto& a : x.logs)
    for (auto& p : a.pieces) {
      auto goes_on = !marks.empty() && marks.back().lease == a.lease && marks.back().stream == p.stream;
      if (!goes_on) {
        marks.push_back({a.lease, p.stream});
        ask.changes.emplace_back().logs = log_append{
            a.lease.job_id, a.lease.epoch, s.id, limits::output_bytes_max, s.h->settings.artifact_bytes_max(), {}};
      }
      marks.back().end = p.start + std::ssize(p.bytes);
      marks.back().last = p.last;
      ask.changes.back().logs->pieces.push_back(std::move(p));
    }
  if (marks.empty()) return;
  self->request(s.h->actors.ledger.get(), ledger_limit, std::move(ask))
      .then(
          [self, batch = x.batch, marks = std::move(marks)](const commit_results& answer) {
            logs_stored done{batch, {}, {}};
            for (size_t i = 0; i < marks.size(); ++i) {
              auto why = answer.results.at(i).why;
              if (why == errc::ok) done.marks.push_back(marks[i]);
              if (why == errc::stale || why == errc::too_large || why == errc::invalid)
                done.refused.push_back({marks[i].lease, marks[i].stream});
            }
            self->send(self->state.agent, std::move(done));
          },
          [](const caf::error&) {});  // the agent says it again
}

/// The store remembers when it was last seen; being late with that costs nothing.
void store_beat(node_pointer self, const std::string& state) {
  auto& s = self->state;
  s.stored_ms = s.h->steady();
  change c;
  node_row row;
  row.id = s.id;
  row.state = state;
  row.session_epoch = s.session;
  row.seen_ms = s.h->now_ms();
  row.metrics = s.metrics;
  row.draining = s.leaves;
  row.lease_until_ms = row.seen_ms + (state == "online" ? limits::lease_ttl_ms : 0);
  c.node = std::move(row);
  self->request(s.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [self](const commit_results& done) {
            auto& result = done.results.at(0);
            if (result.why == errc::ok) learn_drain(self, result.drain_until_ms, self->state.leaves);
          },
          [](const caf::error&) {});
}

/// What we gave but the node does not name for long got lost on the way.
void compare_leases(node_pointer self, const std::vector<lease_ref>& holding) {
  auto& s = self->state;
  auto now = s.h->steady();
  for (auto& l : holding) {
    auto found = s.leases.find(l.job_id);
    if (found != s.leases.end() && found->second.epoch == l.epoch) found->second.since_ms = now;
  }
  for (auto i = s.leases.begin(); i != s.leases.end();) {
    if (now - i->second.since_ms < limits::report_lost_ms) {
      ++i;
      continue;
    }
    log::warn("a granted job got lost on the way", {{"job_id", i->first}, {"node_id", s.id}});
    self->send(s.h->actors.jobs.get(), tell_job{i->first, job_input::lost{i->second.epoch}});
    i = s.leases.erase(i);
  }
}

beat_reply on_beat(node_pointer self, const node_beat& x) {
  auto& s = self->state;
  if (x.session != s.session) return {false};
  s.last_beat_ms = s.h->steady();
  s.metrics = x.metrics;
  auto leaves_now = x.draining && !s.leaves;  // no process changes its mind about that
  learn_drain(self, s.drain_until_ms, s.leaves || x.draining);
  compare_leases(self, x.holding);
  if (leaves_now || s.last_beat_ms - s.stored_ms >= store_every_ms) store_beat(self, "online");
  node_row drain;
  drain.drain_until_ms = s.drain_until_ms;
  return {true, drain_left_ms(drain, s.h->now_ms())};
}

bool is_here(const node_state& s, int64_t session, const lease_ref& lease) {
  auto found = s.leases.find(lease.job_id);
  return session == s.session && found != s.leases.end() && found->second.epoch == lease.epoch;
}

caf::error other_session() { return to_error({errc::stale, "another session, or not this node's", {}, {}}); }

/// Acknowledged when it is durable. What the store does not want, nobody will.
caf::result<checkpoint_ack> on_put(node_pointer self, put_checkpoint& x) {
  auto& s = self->state;
  if (!is_here(s, x.session, x.lease)) return other_session();
  auto pieces_max = s.h->settings.checkpoint_mb_max * 1024 * 1024 / limits::checkpoint_piece_bytes + 1;
  if (x.count > pieces_max) return checkpoint_ack{false};
  change c;
  c.checkpoint = checkpoint_chunk{x.lease.job_id, x.lease.epoch, x.index, x.count, std::move(x.bytes)};
  auto promise = self->make_response_promise<checkpoint_ack>();
  self->request(s.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [promise](const commit_results& done) mutable {
            promise.deliver(checkpoint_ack{done.results.at(0).why == errc::ok});
          },
          [promise](const caf::error& why) mutable { promise.deliver(why); });
  return promise;
}

caf::result<checkpoint_piece> on_get(node_pointer self, const get_checkpoint& x) {
  auto& s = self->state;
  if (!is_here(s, x.session, x.lease)) return other_session();
  auto found = std::make_shared<checkpoint_piece>();
  read_store ask{[found, x](store_reader& db) {
    auto chunk = db.books().find_checkpoint(x.lease.job_id, x.from_epoch, x.index);
    *found = {chunk.count, std::move(chunk.bytes)};
  }};
  auto promise = self->make_response_promise<checkpoint_piece>();
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then([promise, found](const read_done&) mutable { promise.deliver(std::move(*found)); },
            [promise](const caf::error& why) mutable { promise.deliver(why); });
  return promise;
}

void leave_silently(node_pointer self, int64_t grace_ms, const char* why) {
  auto& s = self->state;
  log::warn("node left", {{"node_id", s.id}, {"why", why}});
  store_beat(self, "offline");
  self->send(s.h->actors.nodes.get(), node_silent{s.id, s.session, s.h->steady() + grace_ms, s.leaves});
  self->quit();
}

/// Not before the time could be over, for of 10,000 nodes ticks would cost more than beats; then at short steps.
void tick_later(node_pointer self) {
  auto& s = self->state;
  auto now = s.h->steady();
  auto wait_ms = std::max(tick_ms, s.last_beat_ms + limits::lease_ttl_ms - tick_ms - now);
  s.tick_due_ms = now + wait_ms;
  s.looks_closely = wait_ms == tick_ms;
  self->delayed_send(self, std::chrono::milliseconds{wait_ms}, tick{});
}

void on_tick(node_pointer self) {
  auto& s = self->state;
  auto now = s.h->steady();
  if (now - s.tick_due_ms >= stalled_ms) s.last_beat_ms = now;  // it was us who did not listen
  auto silent = now - s.last_beat_ms >= limits::lease_ttl_ms;
  if (silent && s.looks_closely) return leave_silently(self, 0, "no beat");
  tick_later(self);  // after a long wait there may be beats that were not heard yet
}

node_actor::behavior_type node(node_pointer self, house* h, const node_welcome& session, const agent_port& agent,
                               const std::vector<lease_ref>& granted) {
  auto& s = self->state;
  s.h = h;
  s.id = session.node_id;
  s.session = session.session;
  s.agent = agent;
  s.last_beat_ms = s.stored_ms = h->steady();
  if (session.drain_left_ms >= 0) s.drain_until_ms = h->now_ms() + session.drain_left_ms + 1;
  for (auto& l : granted) s.leases[l.job_id] = {l.epoch, h->steady()};
  self->monitor(agent);
  self->set_down_handler(
      [self](const caf::down_msg&) { leave_silently(self, limits::lost_grace_ms, "connection closed"); });
  tick_later(self);
  return {
      [self](const node_beat& x) { return on_beat(self, x); },
      [self](node_report& x) { on_report(self, x); },
      [self](send_logs& x) { store_logs(self, x); },
      [self](send_run& x) { on_run(self, x); },
      [self](const send_stop& x) { on_stop(self, x); },
      [self](const send_ack& x) { on_ack(self, x); },
      [self](const send_drain&) { store_beat(self, "online"); },  // which tells what is in the store
      [self](put_checkpoint& x) { return on_put(self, x); },
      [self](const get_checkpoint& x) { return on_get(self, x); },
      [self](tick) { on_tick(self); },
      [self](flush) { send_gathered(self); },
      [self](leave) { leave_silently(self, limits::lost_grace_ms, "its key has ended"); },
  };
}

}  // namespace

node_actor spawn_node(house& h, const node_welcome& session, agent_port agent, const std::vector<lease_ref>& granted) {
  return h.system.spawn(node, &h, session, std::move(agent), granted);
}

}  // namespace troupe
