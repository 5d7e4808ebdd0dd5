// Supervises the live jobs of our shards: activates by id, passes messages on, restarts, quarantines. What is for a job
// of another gateway goes there; what nobody can be told at the moment waits until the owners are known.
#include <deque>
#include <map>
#include <set>

#include "actors/actors.hpp"
#include "actors/entities.hpp"
#include "actors/job.hpp"
#include "actors/job_wishes.hpp"

namespace troupe {

namespace {

constexpr size_t waiting_max = 100'000;  // messages; the oldest go first, and are said again
constexpr int64_t await_ms_max = 150'000;

/// A question that waits for an owner, or for the answer of one.
template <class Ask>
struct open_question {
  Ask ask;
  caf::typed_response_promise<job_view> promise;
  int64_t until_ms = 0;  // monotonic
};

struct jobs_state {
  jobs_state() = default;
  static inline const char* name = "jobs";
  house* h = nullptr;
  entities<job_actor> live;
  std::set<int32_t> awake;  // shards of ours whose granted jobs of an earlier life are here
  bool waking = false;
  std::deque<tell_job> words;  // for jobs whose owner is not known
  std::deque<open_question<cancel_job>> cancels;
  std::deque<open_question<await_job>> waiters;
  std::map<int32_t, std::set<caf::actor_addr>> releasing;  // jobs that must end before their shard goes
};

using jobs_pointer = jobs_actor::stateful_pointer<jobs_state>;

const job_actor& activate(jobs_pointer self, const std::string& id) {
  return self->state.live.get(self, id, [self](const std::string& x) { return spawn_job(*self->state.h, x); });
}

/// Where a message for the job goes.
enum class owner { us, gate, nobody };
template <class M>
owner owner_of(jobs_pointer self, const M& x, gate_actor& gate) {
  auto& cluster = self->state.h->cluster;
  if (cluster.alone()) return owner::us;
  auto shard = shard_of(x.job_id);
  if (cluster.owns(shard)) return owner::us;
  if (!x.passed_on) gate = cluster.gate_of(shard);
  return gate ? owner::gate : owner::nobody;
}

void tell(jobs_pointer self, tell_job& x) {
  auto& s = self->state;
  gate_actor gate;
  switch (owner_of(self, x, gate)) {
    case owner::us: return self->send(activate(self, x.job_id), std::move(x));
    case owner::gate: return self->send(gate, std::move(x));
    case owner::nobody: break;
  }
  if (s.words.size() >= waiting_max) s.words.pop_front();
  s.words.push_back(std::move(x));
}

template <class Ask>
std::deque<open_question<Ask>>& questions(jobs_state& s) {
  if constexpr (std::is_same_v<Ask, cancel_job>)
    return s.cancels;
  else
    return s.waiters;
}

template <class Ask>
void ask_again(jobs_pointer self, open_question<Ask> q, const caf::error& why) {
  auto& s = self->state;
  if (s.h->steady() >= q.until_ms || questions<Ask>(s).size() >= waiting_max)
    q.promise.deliver(why);
  else
    questions<Ask>(s).push_back(std::move(q));
}

/// A link that breaks leaves the question open: the next owner is asked.
template <class Ask>
void route(jobs_pointer self, open_question<Ask> q) {
  auto& s = self->state;
  gate_actor gate;
  auto where = owner_of(self, q.ask, gate);
  if (where == owner::us) {
    q.promise.delegate(activate(self, q.ask.job_id), std::move(q.ask));
    return;
  }
  auto nobody = to_error({errc::unavailable, "the job's gateway is not to be reached", {}, {}});
  if (where == owner::nobody) return ask_again(self, std::move(q), nobody);
  auto limit = std::chrono::milliseconds{std::max<int64_t>(1, q.until_ms - s.h->steady())};
  self->request(gate, limit, q.ask)
      .then([q](job_view& view) mutable { q.promise.deliver(std::move(view)); },
            [=](const caf::error& why) mutable {
              if (to_failure(why).code == errc::unavailable)
                ask_again(self, std::move(q), why);
              else
                q.promise.deliver(why);
            });
}

template <class Ask>
caf::result<job_view> route_first(jobs_pointer self, Ask& ask, int64_t patience_ms) {
  auto promise = self->make_response_promise<job_view>();
  if (self->state.h->cluster.alone())
    promise.delegate(activate(self, ask.job_id), std::move(ask));
  else
    route(self, open_question<Ask>{std::move(ask), promise, self->state.h->steady() + patience_ms});
  return promise;
}

/// Granted where the job's shard is. When nobody is known to have it, whoever asks may ask again.
template <class Wish>
caf::result<job_changed> grant_or_pass(jobs_pointer self, Wish& x) {
  gate_actor gate;
  auto where = owner_of(self, x, gate);
  if (where == owner::us) return grant(self, *self->state.h, x);
  if (where == owner::gate) return self->delegate(gate, std::move(x));
  return to_error({errc::unavailable, "the job's gateway is not to be reached", {}, {}});
}

/// The owners may have changed.
void route_waiting(jobs_pointer self) {
  auto& s = self->state;
  for (auto& x : std::exchange(s.words, {})) {
    x.passed_on = false;
    tell(self, x);
  }
  auto again = [self](auto list) {
    for (auto& q : list) {
      q.ask.passed_on = false;
      route(self, std::move(q));
    }
  };
  again(std::exchange(s.cancels, {}));
  again(std::exchange(s.waiters, {}));
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

/// A granted job has timers and promises to keep: after a start, or a take-over, nobody else would think of it.
void wake_granted(jobs_pointer self) {
  auto& s = self->state;
  std::set<int32_t> fresh;
  for (int32_t shard = 0; shard < job_shards; ++shard)
    if (s.h->cluster.owns(shard) && !s.awake.contains(shard)) fresh.insert(shard);
  if (fresh.empty() || std::exchange(s.waking, true)) return;
  list_live_jobs ask{{job_state::leased, job_state::running, job_state::cancelling}, {}, 1'000'000};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then(
          [=](const brief_page& page) {
            auto& now = self->state;
            now.waking = false;
            now.awake.insert(fresh.begin(), fresh.end());
            for (auto& j : page.jobs)
              if (fresh.contains(shard_of(j.id)) && now.h->cluster.owns(shard_of(j.id))) activate(self, j.id);
          },
          [=](const caf::error&) { self->state.waking = false; });  // the database is away: again at the next tick
}

/// One timer for all: a timer of its own would keep every finished job in memory until its deadline.
void on_tick(jobs_pointer self) {
  wake_granted(self);
  self->state.live.each([self](const job_actor& x) { self->send(x, tick{}); });
  route_waiting(self);
  self->delayed_send(self, std::chrono::seconds{1}, tick{});
}

/// Jobs of shards that are not ours any more end here; their commits are refused anyway.
void on_changed(jobs_pointer self) {
  auto& s = self->state;
  std::erase_if(s.awake, [&](int32_t shard) { return !s.h->cluster.owns(shard); });
  s.live.let_go_if(self, [&](const std::string& id, const auto&) { return !s.h->cluster.owns(shard_of(id)); });
  wake_granted(self);
  route_waiting(self);
}

void released(jobs_pointer self) {
  auto& s = self->state;
  shards_released done;
  for (auto& [shard, jobs] : s.releasing)
    if (jobs.empty()) done.shards.push_back(shard);
  if (done.shards.size() < s.releasing.size()) return;  // all at once
  s.releasing.clear();
  if (auto to = s.h->actors.gateways.get()) self->send(to, std::move(done));
}

void release(jobs_pointer self, const release_shards& x) {
  auto& s = self->state;
  for (auto shard : x.shards) s.releasing[shard];
  s.live.let_go_if(self, [&](const std::string& id, const job_actor& job) {
    auto of = s.releasing.find(shard_of(id));
    if (of != s.releasing.end()) of->second.insert(job.address());
    return of != s.releasing.end();
  });
  released(self);
}

void on_down(jobs_pointer self, const caf::down_msg& down) {
  auto& s = self->state;
  std::string id;
  auto verdict = s.live.went_down(down, s.h->steady(), id);
  if (verdict == crash_verdict::not_ours) return;
  auto ours = s.h->cluster.owns(shard_of(id));
  if (verdict == crash_verdict::restart && ours) activate(self, id);
  if (verdict == crash_verdict::quarantine && ours) quarantine(self, id);
  auto of = s.releasing.find(shard_of(id));
  if (of != s.releasing.end() && of->second.erase(down.source) > 0) released(self);
}

jobs_actor::behavior_type jobs(jobs_pointer self, house* h) {
  self->state.h = h;
  self->send(self, tick{});
  self->set_down_handler([self](const caf::down_msg& down) { on_down(self, down); });
  return {
      [self](tell_job& x) { tell(self, x); },
      [self](cancel_job& x) { return route_first(self, x, limits::request_ms); },
      [self](await_job& x) { return route_first(self, x, await_ms_max); },
      [self](cluster_changed) { on_changed(self); },
      [self](const release_shards& x) { release(self, x); },
      [self](amend_job& x) { return grant_or_pass(self, x); },
      [self](redrive_job& x) { return grant_or_pass(self, x); },
      [self](const passivate& x) { self->state.live.let_go(self, x.id); },
      [self](tick) { on_tick(self); },
  };
}

}  // namespace

jobs_actor spawn_jobs(house& h) { return h.system.spawn(jobs, &h); }

}  // namespace troupe
