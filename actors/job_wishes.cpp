// The job's own actor is not asked: it may not be there, and if it is, it finds that its row has moved on.
#include "actors/job_wishes.hpp"

#include "actors/job_change.hpp"
#include "model/spending.hpp"

namespace troupe {

namespace {

constexpr int tries_max = 8;

struct wish {
  house* h = nullptr;
  std::string job_id, user_id, key_id;
  std::optional<job_input::amend> amends;  // else it is to be redriven
  idempotency_row once;                    // no key: none
  int tries = 0;
  caf::typed_response_promise<job_changed> promise;
  // as it was read
  std::optional<job_view> found;
  std::optional<idempotency_row> first_answer;
  std::vector<spend_limit> limits;
};
using wish_pointer = std::shared_ptr<wish>;

void answer(wish& w, job_changed x) { w.promise.deliver(std::move(x)); }
void refuse(wish& w, const failure& why) { w.promise.deliver(to_error(why)); }
void refuse(wish& w, errc why, std::string detail) { refuse(w, failure{why, std::move(detail), {}, {}}); }

void read(wish& w, store_reader& db) {
  w.found = db.find_job(w.job_id);
  if (!w.once.key.empty()) w.first_answer = db.find_idempotent(w.once.scope, w.once.key);
  if (w.amends) return;
  w.limits = db.books().spend_limits("user:" + w.user_id);
  auto own = w.key_id.empty() ? std::vector<spend_limit>{} : db.books().spend_limits("key:" + w.key_id);
  w.limits.insert(w.limits.end(), own.begin(), own.end());
}

any_job_input input_of(const wish& w, const job& row) {
  if (w.amends) return *w.amends;
  return job_input::redrive{next_hold_id(row.hold_id)};
}

change change_of(const wish& w, const step& s) {
  auto now = w.h->now_ms();
  const auto& before = w.found->row;
  auto c = change_of(before, w.found->spec, s, {}, now);
  c.shard = shard_of(w.job_id);
  c.low_balance = w.h->settings.low_balance_amount;
  if (!w.once.key.empty()) c.once = w.once;
  if (w.amends) return c;
  const auto& j = s.next;
  c.opens = hold_open{
      j.hold_id, j.id, {j.user_id, account_kind::available, j.currency}, j.hold, guards_of(w.limits, j.currency, now)};
  return c;
}

void look(jobs_actor::pointer self, const wish_pointer& w);

void granted(jobs_actor::pointer self, wish& w, const step& s) {
  auto dispatcher = w.h->actors.dispatcher.get();
  self->send(static_cast<jobs_actor>(self), passivate{w.job_id});  // whoever believes the old row
  self->send(dispatcher, job_withdrawn{w.job_id});
  if (s.next.state != job_state::blocked) self->send(dispatcher, jobs_waiting{{brief_of(s.next, w.found->spec.needs)}});
  answer(w, {});
}

void refused(wish& w, errc why) {
  auto word = std::string{to_string(w.found->row.state)};
  if (why == errc::invalid) return refuse(w, why, "run_at must be before the job's deadline");
  refuse(w, errc::conflict,
         w.amends ? "the job does not wait any more: it is " + word
                  : "only a job that is failed or dead can be redriven: it is " + word);
}

void decide(jobs_actor::pointer self, const wish_pointer& w) {
  if (!w->found || w->found->row.user_id != w->user_id) return refuse(*w, errc::not_found, "Job not found");
  if (w->first_answer) {
    if (w->first_answer->request_hash != w->once.request_hash)
      return refuse(*w, errc::key_reused, "that Idempotency-Key came with another request");
    return answer(*w, {true, w->first_answer->body});
  }
  auto s = advance(w->found->row, input_of(*w, w->found->row), w->h->now_ms());
  if (s.why != errc::ok) return refused(*w, s.why);
  auto ask = commit_changes{{change_of(*w, s)}};
  self->request(w->h->actors.ledger.get(), ledger_limit, std::move(ask))
      .then(
          [self, w, s](const commit_results& done) {
            auto& r = done.results.at(0);
            auto again = r.why == errc::stale && ++w->tries < tries_max;
            if (again) return look(self, w);
            if (r.why != errc::ok) return refuse(*w, to_failure(r));
            if (r.replayed) return answer(*w, {true, r.body});
            granted(self, *w, s);
          },
          [w](const caf::error& why) { w->promise.deliver(why); });
}

void look(jobs_actor::pointer self, const wish_pointer& w) {
  self->request(w->h->actors.reader(), store_limit, read_store{[w](store_reader& db) { read(*w, db); }})
      .then([self, w](const read_done&) { decide(self, w); }, [w](const caf::error& why) { w->promise.deliver(why); });
}

caf::result<job_changed> begin(jobs_actor::pointer self, house& h, wish_pointer w) {
  w->h = &h;
  w->promise = self->make_response_promise<job_changed>();
  look(self, w);
  return w->promise;
}

}  // namespace

caf::result<job_changed> grant(jobs_actor::pointer self, house& h, const amend_job& ask) {
  auto w = std::make_shared<wish>();
  w->job_id = ask.job_id;
  w->user_id = ask.user_id;
  w->amends = job_input::amend{ask.priority, ask.run_at_ms};
  return begin(self, h, std::move(w));
}

caf::result<job_changed> grant(jobs_actor::pointer self, house& h, const redrive_job& ask) {
  auto w = std::make_shared<wish>();
  w->job_id = ask.job_id;
  w->user_id = ask.user_id;
  w->key_id = ask.key_id;
  w->once = {ask.once_scope, ask.once_key, ask.once_hash, 202, ask.answer};
  return begin(self, h, std::move(w));
}

}  // namespace troupe
