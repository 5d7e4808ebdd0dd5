// The agent's part in draining: what runs is given back with its checkpoint, and begins elsewhere with it.
#include <algorithm>

#include "actors/agent_state.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

constexpr auto piece_limit = std::chrono::seconds{20};

int32_t pieces_of(const std::string& bytes) {
  return static_cast<int32_t>((std::ssize(bytes) + limits::checkpoint_piece_bytes - 1) /
                              limits::checkpoint_piece_bytes);
}

checkpoint_move* find_transfer(agent_pointer self, const lease_ref& lease) {
  auto found = self->state.held.find(lease);
  return found == self->state.held.end() || !found->second.moves ? nullptr : &*found->second.moves;
}

void move_on(agent_pointer self, const lease_ref& lease);

void on_ack(agent_pointer self, const lease_ref& lease, const checkpoint_ack& ack) {
  auto* t = find_transfer(self, lease);
  if (t == nullptr || !t->report || !t->asked) return;
  t->asked = false;
  t->next += 1;
  if (!ack.stored) return drop_checkpoint(self, lease);
  if (t->next < pieces_of(*t->bytes)) return move_on(self, lease);
  auto bytes = std::ssize(*t->bytes);
  auto report = std::move(*t->report);
  finish(self, lease, std::move(report), bytes);
}

void on_piece(agent_pointer self, const lease_ref& lease, const checkpoint_piece& piece) {
  auto* t = find_transfer(self, lease);
  if (t == nullptr || t->report || !t->asked) return;
  t->asked = false;
  t->next += 1;
  t->arrived += piece.bytes;
  auto order = t->order;
  if (piece.count == 0) {
    log::warn("a checkpoint is not there any more", {{"job_id", lease.job_id}});
    return launch(self, lease, order, {});
  }
  if (t->next < piece.count && piece.count <= limits::checkpoint_pieces_max) return move_on(self, lease);
  launch(self, lease, order, std::make_shared<const std::string>(std::move(t->arrived)));
}

/// The next piece. Unanswered, it is asked for again at a beat or after a join.
void move_on(agent_pointer self, const lease_ref& lease) {
  auto& s = self->state;
  auto* t = find_transfer(self, lease);
  if (t == nullptr || t->asked || !s.gateway) return;
  if (!t->report && t->bytes) return;  // the attempt has not said its end yet
  t->asked = true;
  auto round = s.beat_round;
  auto failed = [=](const caf::error&) {
    auto* again = find_transfer(self, lease);
    if (again != nullptr && self->state.beat_round == round) again->asked = false;
  };
  if (!t->report) {
    get_checkpoint ask{s.session, lease, t->order.checkpoint_epoch, t->next};
    self->request(s.gateway, piece_limit, std::move(ask))
        .then([=](const checkpoint_piece& x) { on_piece(self, lease, x); }, failed);
    return;
  }
  auto begin = static_cast<size_t>(t->next) * limits::checkpoint_piece_bytes;
  put_checkpoint piece{s.session, lease, t->next, pieces_of(*t->bytes),
                       t->bytes->substr(begin, limits::checkpoint_piece_bytes)};
  self->request(s.gateway, piece_limit, std::move(piece))
      .then([=](const checkpoint_ack& x) { on_ack(self, lease, x); }, failed);
}

/// What runs may save itself; what has not begun goes back as it is.
void give_back(agent_pointer self, bool running_too) {
  auto& s = self->state;
  std::vector<lease_ref> idle, noops;
  for (auto& [lease, a] : s.held) {
    if (a.finished || a.stopped) continue;
    if (a.moves && !a.moves->bytes)
      idle.push_back(lease);
    else if (running_too && a.running)
      a.running->preempt();
    else if (running_too && !a.moves)
      noops.push_back(lease);
  }
  for (auto& lease : idle) {
    s.held.erase(lease);
    s.report.rejected.push_back(lease);
  }
  for (auto& lease : noops) {
    run_report report;
    report.outcome = run_outcome::preempted;
    report.ran_ms = s.steady() - s.held[lease].started_ms;
    finish(self, lease, std::move(report));
  }
  flush_soon(self);
}

}  // namespace

void fetch(agent_pointer self, const run_order& order) {
  lease_ref lease{order.job_id, order.epoch};
  self->state.held[lease].moves = checkpoint_move{order, {}, {}, {}, 0, false};
  move_on(self, lease);
}

void hand_over(agent_pointer self, const lease_ref& lease, std::shared_ptr<const std::string> bytes) {
  auto found = self->state.held.find(lease);
  if (found == self->state.held.end() || found->second.finished || found->second.stopped) return;
  found->second.moves = checkpoint_move{{}, {}, std::move(bytes), {}, 0, false};
}

bool waits_for_checkpoint(agent_pointer self, const lease_ref& lease, run_report& report) {
  auto* t = find_transfer(self, lease);
  if (t == nullptr || !t->bytes || report.outcome != run_outcome::preempted) return false;
  self->state.held[lease].running.reset();
  t->report = std::move(report);
  move_on(self, lease);
  return true;
}

void drop_checkpoint(agent_pointer self, const lease_ref& lease) {
  auto* t = find_transfer(self, lease);
  if (t == nullptr) return;
  run_report report;
  report.outcome = run_outcome::cancelled;  // it had not begun
  if (t->report) report = std::move(*t->report);
  finish(self, lease, std::move(report));
}

void move_checkpoints(agent_pointer self) {
  std::vector<lease_ref> all;  // a transfer that ends changes the list
  for (auto& [lease, a] : self->state.held)
    if (a.moves) all.push_back(lease);
  for (auto& lease : all) move_on(self, lease);
}

void heed_drain(agent_pointer self, int64_t left_ms) {
  auto& s = self->state;
  auto until = s.steady() + std::max<int64_t>(0, left_ms);
  if (left_ms < 0) {
    s.sent_home = false;
    return;
  }
  s.preempt_at_ms = s.leaves ? std::min(s.preempt_at_ms, until) : until;
  if (!std::exchange(s.sent_home, true)) give_back(self, false);
  look_at_drain(self);
}

void begin_drain(agent_pointer self, int64_t after_ms) {
  auto& s = self->state;
  auto until = s.steady() + after_ms;
  s.preempt_at_ms = s.is_draining() ? std::min(s.preempt_at_ms, until) : until;
  s.leaves = true;
  if (s.gateway)  // now, not with the next beat
    self->request(s.gateway, std::chrono::seconds{5}, node_beat{s.session, {}, {}, true})
        .then([](const beat_reply&) {}, [](const caf::error&) {});
  give_back(self, false);
  self->delayed_send(self, std::chrono::milliseconds{after_ms}, drain_due{});
}

void look_at_drain(agent_pointer self) {
  auto& s = self->state;
  if (s.is_draining() && s.steady() >= s.preempt_at_ms) give_back(self, true);
  leave_if_drained(self);
}

void leave_if_drained(agent_pointer self) {
  auto& s = self->state;
  if (s.is_draining() && s.held.empty() && s.logs.empty() && s.drained && !s.flush_sent) s.drained();
}

}  // namespace troupe
