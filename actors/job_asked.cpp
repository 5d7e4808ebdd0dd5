// Those who ask something of a live job, and whether it may rest.
#include "actors/job_state.hpp"

namespace troupe {

namespace {

/// Has a node, or somebody waits, or a commit is under way: stay. Once let go only what was begun here counts: a fresh
/// actor has the id.
bool needed(const job_actor_state& s) {
  auto busy = s.in_flight > 0 || s.answering > 0 || s.reading || s.away || !s.stash.empty() || !s.cancels.empty();
  if (s.leaving) return busy;
  return busy || !s.waiters.empty() || (s.loaded && is_granted(s.row.state));
}

}  // namespace

void rest(job_pointer self) {
  auto& s = self->state;
  if (needed(s)) return;
  if (s.leaving) return self->quit();
  if (s.passivating) return;
  s.passivating = true;
  self->send(s.h->actors.jobs.get(), passivate{s.id});
}

void answer_from_store(job_pointer self, job_promise promise, const std::string& user_id) {
  self->state.answering += 1;
  self->request(self->state.h->actors.reader(), store_limit, find_job{self->state.id, user_id})
      .then(
          [self, promise](job_view& view) mutable {
            promise.deliver(std::move(view));
            self->state.answering -= 1;
            rest(self);
          },
          [self, promise](caf::error& why) mutable {
            promise.deliver(std::move(why));
            self->state.answering -= 1;
            rest(self);
          });
}

void answer_waiters(job_pointer self) {
  auto& s = self->state;
  if (!s.loaded || s.in_flight > 0 || !is_terminal(s.row.state)) return;
  for (auto& [ask, promise] : s.waiters) answer_from_store(self, promise, ask.user_id);
  s.waiters.clear();
}

void take_cancels(job_pointer self) {
  auto& s = self->state;
  for (auto& x : s.cancels) {
    if (x.taken || x.user_id != s.row.user_id) continue;
    x.taken = true;
    take(self, job_input::cancel{});
  }
}

void answer_cancels(job_pointer self) {
  auto& s = self->state;
  auto asked = std::move(s.cancels);
  s.cancels.clear();
  for (auto& x : asked) {
    auto cancelled = s.row.state == job_state::cancelled || s.row.state == job_state::cancelling;
    if (x.user_id != s.row.user_id)
      x.promise.deliver(to_error({errc::not_found, "Job not found", {}, {}}));
    else if (cancelled)
      answer_from_store(self, x.promise, x.user_id);
    else
      x.promise.deliver(
          to_error({errc::conflict, "the job has ended: " + std::string{public_status(s.row.state)}, {}, {}}));
  }
}

}  // namespace troupe
