// One live job: asks the machine what follows, commits it, and only then lets the world know.
// Steps are pipelined: a next input builds on a state whose commit is still under way. The store's compare-and-set
// refuses the rest if one fails; then the job is read anew.
#include "actors/job.hpp"

#include <algorithm>

#include "actors/job_state.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace job_input;

/// How long after its timeout a node may keep an attempt before the gateway ends it.
constexpr int64_t deadline_slack_ms = 30'000;

void order_run(job_pointer self, const job& j, bool again);
void read_anew(job_pointer self);

void watch_run(job_pointer self, time_ms now) {
  auto& row = self->state.row;
  if (now >= row.started_ms + row.timeout_ms + deadline_slack_ms) return take(self, deadline{row.lease_epoch});
  if (due_extension(row, now) > 0) take(self, extend{row.lease_epoch});
  auto quiet = row.state == job_state::running && row.rare.stall_due_ms > 0 && now >= row.rare.stall_due_ms;
  if (quiet) take(self, stalled{row.lease_epoch});
}

void on_tick(job_pointer self) {
  auto& s = self->state;
  auto lost_track = s.away || !s.stash.empty();
  if (!s.loaded && !s.reading && s.in_flight == 0 && lost_track) return read_anew(self);
  if (!s.loaded) return;
  auto now = s.h->now_ms();
  if (s.row.state == job_state::running)
    watch_run(self, now);
  else if (s.row.state == job_state::cancelling && now >= s.cancelling_ms + limits::cancel_grace_ms)
    take(self, grace_over{s.row.lease_epoch});
  else if (s.row.state == job_state::leased && s.in_flight == 0 &&
           now >= std::max(s.row.leased_ms, s.ordered_ms) + limits::order_again_ms)
    order_run(self, s.row, true);  // the order or its start got lost on the way
}

/// The node hears what became of its report: stored (again), or stale.
void acknowledge(job_pointer self, int64_t epoch, const std::string& node_id, bool stale) {
  auto& s = self->state;
  if (stale)
    log::info("stale result refused", {{"job_id", s.id}, {"epoch", std::to_string(epoch)}, {"node_id", node_id}});
  self->send(s.h->actors.nodes.get(), send_ack{node_id, {s.id, epoch}, stale});
}

void order_run(job_pointer self, const job& j, bool again) {
  auto& s = self->state;
  s.ordered_ms = s.h->now_ms();
  run_order order{j.id,          j.lease_epoch, s.spec.kind,
                  s.spec.params, j.timeout_ms,  parse_shares(j.devices).value_or(std::vector<gpu_share>{})};
  order.checkpoint_epoch = j.rare.checkpoint_epoch;
  self->send(s.h->actors.nodes.get(), send_run{j.node_id, j.node_session, std::move(order), again});
}

/// Everything the world may know only after the commit.
void perform(job_pointer self, const job& before, const job& next, const step& s, const any_job_input& input) {
  auto* h = self->state.h;
  auto& spec = self->state.spec;
  // First: the next job of that slot must not come to the node before the end of this one.
  if (s.stop_node) self->send(h->actors.nodes.get(), send_stop{before.node_id, {before.id, before.lease_epoch}});
  if (s.vacates) self->send(h->actors.dispatcher.get(), slot_freed{before.node_id, before.id});
  if (next.state == job_state::leased) order_run(self, next, false);
  auto waits = is_waiting(next.state) && next.state != job_state::blocked;
  if (waits) self->send(h->actors.dispatcher.get(), jobs_waiting{{brief_of(next, spec.needs)}});
  if (!is_granted(before.state) && is_terminal(next.state))
    self->send(h->actors.dispatcher.get(), job_withdrawn{next.id});
  if (auto* f = std::get_if<finish>(&input)) acknowledge(self, f->epoch, f->node_id, false);
}

/// A claim that did not come true gives the slot back.
void undo(job_pointer self, const any_job_input& input) {
  auto& s = self->state;
  auto* c = std::get_if<claim>(&input);
  if (c == nullptr) return;
  auto came_true = s.loaded && is_granted(s.row.state) && s.row.node_id == c->node_id;
  if (!came_true) self->send(s.h->actors.dispatcher.get(), slot_freed{c->node_id, s.id});
}

/// For when the job was read. While the database is away nodes repeat themselves: one end of an epoch is enough.
void keep(job_pointer self, const any_job_input& input) {
  auto& s = self->state;
  if (s.away && std::holds_alternative<progress>(input)) return;
  auto* f = std::get_if<finish>(&input);
  auto repeats = [&](const any_job_input& x) {
    auto* other = std::get_if<finish>(&x);
    return other != nullptr && other->epoch == f->epoch && other->node_id == f->node_id;
  };
  if (f == nullptr || std::none_of(s.stash.begin(), s.stash.end(), repeats)) s.stash.push_back(input);
}

/// Not committed as thought, or nobody knows: what was said waits until the job was read anew.
void put_back(job_pointer self, const any_job_input& input) {
  auto& s = self->state;
  s.loaded = false;
  for (auto& x : s.cancels) x.taken = false;
  if (!std::holds_alternative<cancel>(input)) keep(self, input);
}

void settled(job_pointer self) {
  auto& s = self->state;
  if (s.in_flight > 0) return;
  if (!s.loaded) {
    if (!s.away) return read_anew(self);
    if (s.leaving) self->quit();  // nobody would wake us: what was said to us is said again to another
    return;
  }
  answer_cancels(self);
  answer_waiters(self);
  rest(self);
}

/// A step on its way to the store; shared by the two ways the answer can go.
struct pending_step {
  job before;
  step made;
  any_job_input input;
};

void commit(job_pointer self, job before, step made, const any_job_input& input) {
  auto& state = self->state;
  auto* f = std::get_if<finish>(&input);
  auto c = change_of(before, state.spec, made, f != nullptr ? f->report : run_report{}, state.h->now_ms());
  if (c.closes) c.closes->matures_ms = state.h->matures_ms();
  if (c.extends) c.low_balance = state.h->settings.low_balance_amount;
  c.shard = shard_of(state.id);
  auto p = std::make_shared<const pending_step>(pending_step{std::move(before), std::move(made), input});
  state.in_flight += 1;
  self->request(state.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [self, p](const commit_results& answer) {
            self->state.in_flight -= 1;
            const auto& result = answer.results.at(0);
            auto poor = result.why == errc::insufficient_funds || result.why == errc::limit_exceeded;
            if (result.why == errc::ok)
              perform(self, p->before, p->made.next, p->made, p->input);
            else if (poor)  // a hold that cannot grow
              put_back(self, funds{p->before.lease_epoch, result.detail});
            else {  // somebody else moved it, or has it now: then jobs will let us go
              if (!self->state.h->cluster.owns(shard_of(self->state.id))) self->state.away = true;
              put_back(self, p->input);
            }
            settled(self);
          },
          [self, p](const caf::error& why) {  // not committed: the store will tell
            log::warn("a job's commit failed", {{"job_id", self->state.id}, {"why", to_failure(why).detail}});
            self->state.in_flight -= 1;
            self->state.away = true;
            put_back(self, p->input);
            for (auto& x : std::exchange(self->state.cancels, {})) x.promise.deliver(why);
            settled(self);
          });
}

void refused(job_pointer self, const any_job_input& input, errc) {
  auto& row = self->state.row;
  undo(self, input);
  if (auto* f = std::get_if<finish>(&input)) {
    auto repeated = f->epoch == row.lease_epoch && is_terminal(row.state);
    acknowledge(self, f->epoch, f->node_id, !repeated);
  }
}

}  // namespace

void take(job_pointer self, const any_job_input& input) {
  auto& s = self->state;
  if (!s.loaded || s.reading) {
    keep(self, input);
    if (!s.reading && s.in_flight == 0) read_anew(self);
    return;
  }
  auto st = advance(s.row, input, s.h->now_ms(), static_cast<int32_t>(s.jitter() % 1'000'001));
  if (st.why != errc::ok) return refused(self, input, st.why);
  auto before = std::move(s.row);
  s.row = st.next;
  if (s.row.state != before.state) {
    if (s.row.state == job_state::cancelling) s.cancelling_ms = s.h->now_ms();
  }
  commit(self, std::move(before), std::move(st), input);
}

namespace {

void loaded(job_pointer self, job_view& view) {
  auto& s = self->state;
  s.reading = false;
  s.loaded = true;
  s.away = false;
  s.row = std::move(view.row);
  s.spec = std::move(view.spec);
  if (s.row.state == job_state::cancelling) {  // we may be new: the node must hear it again
    if (s.cancelling_ms == 0) s.cancelling_ms = s.h->now_ms();
    self->send(s.h->actors.nodes.get(), send_stop{s.row.node_id, {s.id, s.row.lease_epoch}});
  }
  if (s.row.state == job_state::queued || s.row.state == job_state::retry_wait)
    self->send(s.h->actors.dispatcher.get(), jobs_waiting{{brief_of(s.row, s.spec.needs)}});
  if (s.row.state == job_state::leased) order_run(self, s.row, true);  // who claimed it may have crashed before
  auto inputs = std::move(s.stash);
  s.stash.clear();
  for (auto& input : inputs) take(self, input);
  take_cancels(self);
  settled(self);
}

void not_loaded(job_pointer self, const caf::error& why) {
  auto& s = self->state;
  s.reading = false;
  auto unknown = to_failure(why).code == errc::not_found;
  for (auto& input : unknown ? std::exchange(s.stash, {}) : std::deque<any_job_input>{}) {
    undo(self, input);
    if (auto* f = std::get_if<finish>(&input)) acknowledge(self, f->epoch, f->node_id, true);
  }
  if (unknown) s.away = false;
  for (auto& x : s.cancels) x.promise.deliver(why);
  for (auto& [ask, promise] : s.waiters) promise.deliver(why);
  s.cancels.clear();
  s.waiters.clear();
  rest(self);
}

void read_anew(job_pointer self) {
  auto& s = self->state;
  s.reading = true;
  self->request(s.h->actors.reader(), store_limit, find_job{s.id, {}})
      .then([self](job_view& view) { loaded(self, view); }, [self](const caf::error& why) { not_loaded(self, why); });
}

caf::result<job_view> on_cancel(job_pointer self, const cancel_job& ask) {
  auto& s = self->state;
  auto promise = self->make_response_promise<job_view>();
  s.cancels.push_back({ask.user_id, promise});
  if (s.loaded) {
    take_cancels(self);
    settled(self);
  } else if (!s.reading && s.in_flight == 0) {
    read_anew(self);
  }
  return promise;
}

caf::result<job_view> on_await(job_pointer self, const await_job& ask) {
  auto& s = self->state;
  auto promise = self->make_response_promise<job_view>();
  s.waiters.emplace_back(ask, promise);
  if (!s.loaded && !s.reading && s.in_flight == 0) read_anew(self);
  answer_waiters(self);
  return promise;
}

/// Questions that came between our wish to rest and its grant go to whoever has the id now; so does a grant.
void go(job_pointer self) {
  auto& s = self->state;
  s.leaving = true;
  auto jobs = s.h->actors.jobs.get();
  for (auto& [ask, promise] : std::exchange(s.waiters, {})) promise.delegate(jobs, ask);
  if (s.loaded && is_granted(s.row.state)) self->send(jobs, tell_job{s.id, due{}});  // wakes it; changes nothing
  if (s.away && s.in_flight == 0) return self->quit();
  rest(self);
}

job_actor::behavior_type live_job(job_pointer self, house* h, std::string id) {
  auto& s = self->state;
  s.h = h;
  s.id = std::move(id);
  s.jitter.seed(static_cast<unsigned>(std::hash<std::string>{}(s.id)));
  read_anew(self);
  return {
      [self](const tell_job& x) {
        take(self, x.input);
        rest(self);
      },
      [self](const cancel_job& x) { return on_cancel(self, x); },
      [self](const await_job& x) { return on_await(self, x); },
      [self](tick) {
        on_tick(self);
        rest(self);
      },
      [self](leave) { go(self); },
  };
}

}  // namespace

job_actor spawn_job(house& h, std::string id) { return h.system.spawn(live_job, &h, std::move(id)); }

}  // namespace troupe
