// Supervises the live jobs: activates by id, passes messages on, restarts, quarantines.
#include "actors/actors.hpp"
#include "actors/entities.hpp"
#include "actors/job.hpp"

namespace troupe {

namespace {

struct jobs_state {
  jobs_state() = default;
  static inline const char* name = "jobs";
  house* h = nullptr;
  entities<job_actor> live;
  bool woken = false;  // the granted jobs of an earlier life are here
};

using jobs_pointer = jobs_actor::stateful_pointer<jobs_state>;

const job_actor& activate(jobs_pointer self, const std::string& id) {
  return self->state.live.get(self, id, [self](const std::string& x) { return spawn_job(*self->state.h, x); });
}

/// Nobody waits for it, and no node has it any more.
void bury(jobs_pointer self, const job& before, const step& s) {
  auto& actors = self->state.h->actors;
  self->send(actors.dispatcher.get(), job_withdrawn{before.id});
  if (s.vacates) self->send(actors.dispatcher.get(), slot_freed{before.node_id, before.id});
  if (s.stop_node) self->send(actors.nodes.get(), send_stop{before.node_id, {before.id, before.lease_epoch}});
}

/// A job whose actor crashes again and again ends as a dead letter, without its actor.
void quarantine(jobs_pointer self, const std::string& id) {
  auto* h = self->state.h;
  log::error("job quarantined", {{"job_id", id}});
  self->request(h->actors.reader(), store_limit, find_job{id, {}})
      .then(
          [self, h](job_view& view) {
            auto s = advance(view.row, job_input::quarantine{"its actor crashed again and again"}, h->now_ms());
            if (s.why != errc::ok) return;
            self->request(h->actors.ledger.get(), ledger_limit,
                          commit_changes{{change_of(view.row, view.spec, s, {}, h->now_ms())}})
                .then([=, row = view.row](const commit_results&) { bury(self, row, s); },
                      [](const caf::error& e) {
                        log::error("quarantine failed", {{"why", caf::to_string(e)}});
                      });
          },
          [](const caf::error& e) {
            log::error("quarantine failed", {{"why", caf::to_string(e)}});
          });
}

void on_down(jobs_pointer self, const caf::down_msg& down) {
  std::string id;
  switch (self->state.live.went_down(down, self->state.h->steady(), id)) {
    case crash_verdict::restart: activate(self, id); break;
    case crash_verdict::quarantine: quarantine(self, id); break;
    case crash_verdict::retired:
    case crash_verdict::not_ours: break;
  }
}

/// A granted job has timers and promises to keep: after a start nobody else would think of it.
void wake_granted(jobs_pointer self) {
  list_live_jobs ask{{job_state::leased, job_state::running, job_state::cancelling}, {}, 1'000'000};
  self->request(self->state.h->actors.reader(), store_limit, std::move(ask))
      .then(
          [self](const brief_page& page) {
            self->state.woken = true;
            for (auto& j : page.jobs) activate(self, j.id);
          },
          [](const caf::error&) {});  // the database is away: again at the next tick
}

/// One timer for all: a timer of its own would keep every finished job in memory until its deadline.
void on_tick(jobs_pointer self) {
  if (!self->state.woken) wake_granted(self);
  self->state.live.each([self](const job_actor& x) { self->send(x, tick{}); });
  self->delayed_send(self, std::chrono::seconds{1}, tick{});
}

jobs_actor::behavior_type jobs(jobs_pointer self, house* h) {
  self->state.h = h;
  self->send(self, tick{});
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  return {
      [self](tell_job& x) {
        auto& to = activate(self, x.job_id);
        self->send(to, std::move(x));
      },
      [self](cancel_job& x) {
        auto& to = activate(self, x.job_id);
        return self->delegate(to, std::move(x));
      },
      [self](await_job& x) {
        auto& to = activate(self, x.job_id);
        return self->delegate(to, std::move(x));
      },
      [self](const passivate& x) { self->state.live.let_go(self, x.id); },
      [self](tick) { on_tick(self); },
  };
}

}  // namespace

jobs_actor spawn_jobs(house& h) { return h.system.spawn(jobs, &h); }

}  // namespace troupe
