// What money does by itself, and what of an ended job nobody needs any more. Reads what is due, and commits each piece
// as a change that only works once, so that a restart, or another gateway doing the same, costs nothing.
#include "actors/actors.hpp"
#include "config/log.hpp"
#include "model/rental.hpp"
#include "model/withdrawal.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 1s;
constexpr int32_t due_page = 256;

/// What was read as due at one moment.
struct due_page_of_all {
  time_ms now_ms = 0;
  std::vector<due_bucket> earnings;
  std::vector<rental> rentals;
  std::vector<withdrawal_row> withdrawals;  // nobody approved them in time
  std::vector<std::string> checkpoints;     // of jobs that have ended
};

struct billing_state {
  billing_state() = default;
  static inline const char* name = "billing";
  house* h = nullptr;
};

using billing_pointer = billing_actor::stateful_pointer<billing_state>;

void look_later(billing_pointer self) { self->delayed_send(self, look_every, tick{}); }

std::vector<change> changes_of(const due_page_of_all& due) {
  std::vector<change> all;
  for (auto& x : due.earnings) all.emplace_back().matures = x.what;
  for (auto& x : due.checkpoints) all.emplace_back().forgets_checkpoints = x;
  for (auto& x : due.withdrawals) all.push_back(cancel_withdrawal(x, "lapsed", due.now_ms));
  return all;
}

void commit(billing_pointer self, std::vector<change> due) {
  if (due.empty()) return look_later(self);
  self->request(self->state.h->actors.ledger.get(), ledger_limit, commit_changes{std::move(due)})
      .then(
          [self](const commit_results& answer) {
            for (auto& x : answer.results)
              if (x.why != errc::ok) log::debug("a due payment was not made", {{"why", x.detail}});
            look_later(self);
          },
          [self](const caf::error&) { look_later(self); });
}

/// Sessions whose next window was refused: they are warned, or over.
void refuse_rentals(billing_pointer self, const std::vector<rental>& asked, const commit_results& answer) {
  auto& h = *self->state.h;
  commit_changes next;
  for (size_t i = 0; i < asked.size(); ++i) {
    auto why = answer.results.at(i).why;
    if (why == errc::insufficient_funds || why == errc::limit_exceeded)
      next.changes.push_back(refused_rental(asked[i], h.now_ms(), h.matures_ms()));
    else if (why != errc::ok && why != errc::stale)
      log::error("a session could not go on", {{"session_id", asked[i].id}, {"why", answer.results[i].detail}});
  }
  if (next.changes.empty()) return;
  self->request(h.actors.ledger.get(), ledger_limit, std::move(next))
      .then([](const commit_results&) {}, [](const caf::error&) {});
}

/// Whoever was quicker, a user's end for one, makes our change stale: the session is looked at again if it is still
/// due.
void sweep_rentals(billing_pointer self, const std::vector<rental>& due) {
  auto& h = *self->state.h;
  std::vector<rental> asked;
  commit_changes ask;
  for (auto& r : due) {
    auto c = due_change(r, h.now_ms(), h.matures_ms());
    if (!c) continue;
    c->low_balance = h.settings.low_balance_amount;
    asked.push_back(r);
    ask.changes.push_back(std::move(*c));
  }
  if (asked.empty()) return;
  self->request(h.actors.ledger.get(), ledger_limit, std::move(ask))
      .then([self, asked = std::move(asked)](const commit_results& answer) { refuse_rentals(self, asked, answer); },
            [](const caf::error&) {});
}

void look(billing_pointer self) {
  auto& h = *self->state.h;
  if (!h.cluster.owns(duty_shard)) return look_later(self);  // another gateway does it
  auto due = std::make_shared<due_page_of_all>();
  due->now_ms = h.now_ms();
  read_store ask{[due](store_reader& db) {
    due->earnings = db.books().due_earnings(due->now_ms, due_page);
    due->withdrawals = db.books().lapsed_withdrawals(due->now_ms, due_page);
    due->checkpoints = db.books().spent_checkpoints(due_page);
    due->rentals = db.books().due_rentals(due->now_ms, due_page);
  }};
  self->request(h.actors.reader(), store_limit, std::move(ask))
      .then(
          [self, due](const read_done&) {
            sweep_rentals(self, due->rentals);
            commit(self, changes_of(*due));
          },
          [self](const caf::error&) { look_later(self); });
}

billing_actor::behavior_type billing(billing_pointer self, house* h) {
  self->state.h = h;
  look_later(self);
  return {[self](tick) { look(self); }};
}

}  // namespace

billing_actor spawn_billing(house& h) { return h.system.spawn(billing, &h); }

}  // namespace troupe
