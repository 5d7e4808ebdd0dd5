// What money does by itself. Reads what is due, and commits each piece as a change that only works once, so that a
// restart, or another gateway doing the same, costs nothing.
#include "actors/actors.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 1s;
constexpr int32_t due_page = 256;

/// What was read as due at one moment.
struct due_page_of_all {
  std::vector<due_bucket> earnings;
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

void look(billing_pointer self) {
  auto& h = *self->state.h;
  auto due = std::make_shared<due_page_of_all>();
  read_store ask{[due, now = h.now_ms()](store_reader& db) { due->earnings = db.books().due_earnings(now, due_page); }};
  self->request(h.actors.reader(), store_limit, std::move(ask))
      .then([self, due](const read_done&) { commit(self, changes_of(*due)); },
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
