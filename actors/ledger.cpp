// The only writer. Gathers changes while the mailbox has any, commits them as one group, then answers all.
#include <set>

#include "actors/actors.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

struct waiting_commit {
  std::vector<change> changes;
  caf::typed_response_promise<commit_results> promise;
};

struct ledger_state {
  ledger_state() = default;
  static inline const char* name = "ledger";

  house* h = nullptr;
  std::unique_ptr<store_writer> db;
  std::vector<waiting_commit> waiting;
  size_t gathered = 0;  // changes in `waiting`
  bool flush_sent = false;
  ledger_health health;
};

using ledger_pointer = ledger_actor::stateful_pointer<ledger_state>;

void refuse_all(ledger_pointer self, const std::string& why) {
  auto& s = self->state;
  for (auto& x : s.waiting) x.promise.deliver(to_error({errc::unavailable, why, {}, {}}));
  s.waiting.clear();
  s.gathered = 0;
}

/// A lost database is not a crash: writes are refused until a commit goes through again.
void degrade(ledger_pointer self, const std::string& why) {
  auto& s = self->state;
  if (!s.health.degraded) log::error("degraded: the database does not take writes", {{"why", why}});
  s.health.degraded = true;
  s.health.why = why;
  try {
    s.db->rollback();
  } catch (const store_unavailable& e) {
    log::debug("the database is still away", {{"why", e.what()}});
  }
  refuse_all(self, why);
}

std::vector<commit_results> apply_all(ledger_pointer self, std::set<std::string>& users) {
  auto& s = self->state;
  auto now = s.h->now_ms();
  std::vector<commit_results> results;
  results.reserve(s.waiting.size());
  std::vector<const change*> coming;
  coming.reserve(s.gathered);
  for (auto& x : s.waiting)
    for (auto& c : x.changes) coming.push_back(&c);
  s.db->begin(coming);
  for (auto& x : s.waiting) {
    auto& answers = results.emplace_back().results;
    answers.reserve(x.changes.size());
    for (auto& c : x.changes) {
      answers.push_back(s.db->apply(c, now));
      if (answers.back().why == errc::ok)
        for (auto& e : c.events) users.insert(e.user_id);
      if (!answers.back().warned.empty()) users.insert(answers.back().warned);
    }
  }
  s.db->commit();
  return results;
}

void commit_group(ledger_pointer self) {
  auto& s = self->state;
  s.flush_sent = false;
  if (s.waiting.empty()) return;
  try {
    std::set<std::string> users;
    auto results = apply_all(self, users);
    s.health.commits += 1;
    s.health.changes += static_cast<int64_t>(s.gathered);
    if (s.health.degraded) log::info("the database takes writes again");
    s.health.degraded = false;
    for (size_t i = 0; i < results.size(); ++i) s.waiting[i].promise.deliver(std::move(results[i]));
    s.waiting.clear();
    s.gathered = 0;
    if (s.db->woke_waiting()) self->send(s.h->actors.calendar.get(), rung{});
    if (!users.empty()) self->send(s.h->actors.events.get(), committed{{users.begin(), users.end()}});
  } catch (const store_unavailable& e) {
    degrade(self, e.what());
  }
}

caf::result<commit_results> gather(ledger_pointer self, commit_changes& ask) {
  auto& s = self->state;
  auto promise = self->make_response_promise<commit_results>();
  s.gathered += ask.changes.size();
  s.waiting.push_back({std::move(ask.changes), promise});
  if (s.gathered >= limits::commit_batch_max) {
    commit_group(self);
  } else if (!s.flush_sent) {  // comes back behind everything that is in the mailbox now
    s.flush_sent = true;
    self->send(self, flush{});
  }
  return promise;
}

ledger_actor::behavior_type ledger(ledger_pointer self, house* h, std::unique_ptr<store_writer> db) {
  self->state.h = h;
  self->state.db = std::move(db);
  return {
      [self](commit_changes& ask) { return gather(self, ask); },
      [self](const get_health&) { return self->state.health; },
      [self](flush) { commit_group(self); },
  };
}

}  // namespace

ledger_actor spawn_ledger(house& h, run_on where, std::unique_ptr<store_writer> db) {
  if (where == run_on::own_thread) return h.system.spawn<caf::detached>(ledger, &h, std::move(db));
  return h.system.spawn(ledger, &h, std::move(db));
}

}  // namespace troupe
