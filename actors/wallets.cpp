// One wallet actor per owner: every money request of an owner passes through it, in order. It holds no truth: the
// ledger refuses what the owner does not have.
#include <deque>

#include "actors/actors.hpp"
#include "actors/entities.hpp"
#include "actors/job_change.hpp"
#include "actors/queue_gauge.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto idle_check = 30s;

using submit_promise = caf::typed_response_promise<commit_results>;

struct wallet_state {
  wallet_state() = default;
  static inline const char* name = "wallet";
  house* h = nullptr;
  std::string owner;
  int64_t used = 0, used_before = 0;
  int32_t in_flight = 0;
  bool leaving = false;
  // its queue
  queue_gauge waiting;
  int64_t submitting = 0;  // jobs on their way into the store
  bool counting = false;
  std::deque<std::pair<submit_jobs, submit_promise>> pending;
};

using wallet_pointer = wallet_actor::stateful_pointer<wallet_state>;

change change_of(deposit_money& x) {
  change c;
  c.once = std::move(x.once);
  c.transfers.push_back({std::move(x.transfer_id),
                         x.code,
                         {std::string{platform_owner}, account_kind::issuance, x.currency},
                         {x.user_id, account_kind::available, x.currency},
                         x.value,
                         std::move(x.note)});
  return c;
}

void rest(wallet_pointer self) {
  if (self->state.leaving && self->state.in_flight == 0) self->quit();
}

/// Commits and answers; `committed` sees the results first.
template <class Answer, class Committed>
void commit(wallet_pointer self, std::vector<change> changes, caf::typed_response_promise<Answer> promise,
            Committed committed, int64_t jobs = 0) {
  self->state.used += 1;
  self->state.in_flight += 1;
  self->state.submitting += jobs;
  for (auto& x : changes) x.low_balance = self->state.h->settings.low_balance_amount;
  self->request(self->state.h->actors.ledger.get(), ledger_limit, commit_changes{std::move(changes)})
      .then(
          [=](commit_results& answer) mutable {
            self->state.in_flight -= 1;
            self->state.submitting -= jobs;
            committed(answer, promise);
            rest(self);
          },
          [=](caf::error& why) mutable {
            self->state.in_flight -= 1;
            self->state.submitting -= jobs;
            promise.deliver(std::move(why));
            rest(self);
          });
}

/// The first ones that there is room for; the rest is answered only if it came before.
size_t let_in(wallet_pointer self, size_t wanted) {
  auto& s = self->state;
  auto& settings = s.h->settings;
  auto count = static_cast<int64_t>(wanted);
  auto own = s.waiting.let_in(count, settings.tenant_queue_max);
  auto room = s.h->queue.let_in(own, settings.queue_max);
  s.waiting.give_back(own - room);
  return static_cast<size_t>(room);
}

void submit_counted(wallet_pointer self, submit_jobs& ask, submit_promise promise) {
  auto room = let_in(self, ask.jobs.size());
  auto briefs = std::make_shared<std::vector<job_brief>>();
  std::vector<change> changes;
  for (auto& x : ask.jobs) {
    auto& j = x.insert.row;
    briefs->push_back({j.id, j.user_id, j.state, j.priority, 0, j.created_ms, j.run_at_ms, {}, x.insert.spec.needs});
    auto once = std::move(x.once);
    changes.push_back(submit_change(std::move(x.insert), ask.limits));
    changes.back().once = std::move(once);
    changes.back().only_again = changes.size() > room;
  }
  commit(
      self, std::move(changes), promise,
      [self, briefs, room](commit_results& answer, auto& p) {
        jobs_waiting told;
        int64_t unused = 0;
        for (size_t i = 0; i < briefs->size(); ++i) {
          auto is_new = answer.results[i].why == errc::ok && !answer.results[i].replayed;
          if (is_new && (*briefs)[i].state != job_state::blocked) told.jobs.push_back(std::move((*briefs)[i]));
          unused += i < room && !is_new ? 1 : 0;
        }
        self->state.waiting.give_back(unused);
        self->state.h->queue.give_back(unused);
        if (!told.jobs.empty()) self->send(self->state.h->actors.dispatcher.get(), std::move(told));
        p.deliver(std::move(answer));
      },
      static_cast<int64_t>(room));
}

void count_queue(wallet_pointer self);

void submit_pending(wallet_pointer self) {
  auto& s = self->state;
  auto& settings = s.h->settings;
  while (!s.pending.empty()) {
    auto more = static_cast<int64_t>(s.pending.front().first.jobs.size());
    auto now = s.h->steady();
    auto must_count = s.waiting.must_count(more, settings.tenant_queue_max, now) ||
                      s.h->queue.must_count(more, settings.queue_max, now);
    if (must_count) return count_queue(self);
    auto [ask, promise] = std::move(s.pending.front());
    s.pending.pop_front();
    submit_counted(self, ask, promise);
  }
}

/// Reads what the gauges need. Who asks meanwhile waits in line.
void count_queue(wallet_pointer self) {
  auto& s = self->state;
  auto& settings = s.h->settings;
  struct counts {
    int64_t own = 0, all = 0;
  };
  auto found = std::make_shared<counts>();
  auto more = static_cast<int64_t>(s.pending.front().first.jobs.size());
  auto own = s.waiting.must_count(more, settings.tenant_queue_max, s.h->steady());
  auto all = s.h->queue.must_count(more, settings.queue_max, s.h->steady());
  s.counting = true;
  s.in_flight += 1;
  read_store ask{[found, own, all, owner = s.owner](store_reader& r) {
    if (own) found->own = r.books().waiting_jobs(owner);
    if (all) found->all = r.books().waiting_jobs({});
  }};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then(
          [=](const read_done&) {
            auto& x = self->state;
            x.counting = false;
            x.in_flight -= 1;
            if (own) x.waiting.count(found->own, x.submitting, x.h->steady());
            if (all) x.h->queue.count(found->all, x.submitting, x.h->steady());
            submit_pending(self);
            rest(self);
          },
          [=](const caf::error& why) {
            auto& x = self->state;
            x.counting = false;  // the bound spares memory; money and jobs are safe without it
            x.in_flight -= 1;
            log::warn("the queue could not be counted", {{"why", to_failure(why).detail}});
            if (own) x.waiting.count(0, x.submitting, x.h->steady());
            if (all) x.h->queue.count(0, x.submitting, x.h->steady());
            submit_pending(self);
            rest(self);
          });
}

caf::result<commit_results> submit(wallet_pointer self, submit_jobs& ask) {
  auto promise = self->make_response_promise<commit_results>();
  self->state.pending.emplace_back(std::move(ask), promise);
  if (!self->state.counting) submit_pending(self);
  return promise;
}

caf::result<change_result> deposit(wallet_pointer self, deposit_money& ask) {
  auto promise = self->make_response_promise<change_result>();
  commit(self, {change_of(ask)}, promise,
         [](commit_results& answer, auto& p) { p.deliver(std::move(answer.results.at(0))); });
  return promise;
}

caf::result<change_result> change_own(wallet_pointer self, change_money& ask) {
  auto promise = self->make_response_promise<change_result>();
  std::vector<change> one;
  one.push_back(std::move(ask.what));
  commit(self, std::move(one), promise,
         [](commit_results& answer, auto& p) { p.deliver(std::move(answer.results.at(0))); });
  return promise;
}

void on_tick(wallet_pointer self) {
  auto& s = self->state;
  if (s.used == s.used_before && s.in_flight == 0) {
    self->send(s.h->actors.wallets.get(), passivate{s.owner});
    return;
  }
  s.used_before = s.used;
  self->delayed_send(self, idle_check, tick{});
}

wallet_actor::behavior_type wallet(wallet_pointer self, house* h, std::string owner) {
  self->state.h = h;
  self->state.owner = std::move(owner);
  self->delayed_send(self, idle_check, tick{});
  return {
      [self](submit_jobs& ask) { return submit(self, ask); },
      [self](deposit_money& ask) { return deposit(self, ask); },
      [self](change_money& ask) { return change_own(self, ask); },
      [self](tick) { on_tick(self); },
      [self](leave) {
        self->state.leaving = true;
        rest(self);
      },
  };
}

struct wallets_state {
  wallets_state() = default;
  static inline const char* name = "wallets";
  house* h = nullptr;
  entities<wallet_actor> live;
};

using wallets_pointer = wallets_actor::stateful_pointer<wallets_state>;

const wallet_actor& activate(wallets_pointer self, const std::string& owner) {
  return self->state.live.get(self, owner,
                              [self](const std::string& x) { return self->system().spawn(wallet, self->state.h, x); });
}

wallets_actor::behavior_type wallets(wallets_pointer self, house* h) {
  self->state.h = h;
  self->set_down_handler([self](const caf::down_msg& down) {
    std::string id;  // nothing to reload: the next request activates it again
    self->state.live.went_down(down, self->state.h->steady(), id);
  });
  return {
      [self](submit_jobs& ask) {
        auto& to = activate(self, ask.user_id);
        return self->delegate(to, std::move(ask));
      },
      [self](deposit_money& ask) {
        auto& to = activate(self, ask.user_id);
        return self->delegate(to, std::move(ask));
      },
      [self](change_money& ask) {
        auto& to = activate(self, ask.user_id);
        return self->delegate(to, std::move(ask));
      },
      [self](const passivate& x) { self->state.live.let_go(self, x.id); },
  };
}

}  // namespace

wallets_actor spawn_wallets(house& h) { return h.system.spawn(wallets, &h); }

}  // namespace troupe
