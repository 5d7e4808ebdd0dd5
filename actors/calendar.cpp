// What happens to jobs by the clock, or because another ended. All of it is found in the store, through an index, so a
// restart forgets nothing; and every step is a compare-and-set, so that two gateways doing it do no harm.
#include <algorithm>

#include "actors/actors.hpp"
#include "actors/job_change.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto look_every = 1s;
constexpr int32_t due_page = 1'000;
constexpr auto next_page = 100ms;

struct due_schedule {
  schedule row;
  bool previous_lives = false;
  std::vector<spend_limit> limits;  // of whoever pays
};

/// What was read at one moment.
struct due_page_of_all {
  time_ms now_ms = 0;
  std::vector<std::string> expired;
  std::vector<ready_child> children;
  std::vector<due_schedule> schedules;
};

struct calendar_state {
  calendar_state() = default;
  static inline const char* name = "calendar";
  house* h = nullptr;
  bool looking = false;
  bool again = false;  // rung while looking
};

using calendar_pointer = calendar_actor::stateful_pointer<calendar_state>;

due_schedule whole(store_reader& db, schedule s) {
  due_schedule x{std::move(s)};
  auto before =
      x.row.overlap == overlap_rule::allow || x.row.last_job_id.empty() ? std::nullopt : db.find_job(x.row.last_job_id);
  x.previous_lives = before && !is_terminal(before->row.state);
  x.limits = db.books().spend_limits("user:" + x.row.user_id);
  auto own = x.row.key_id.empty() ? std::vector<spend_limit>{} : db.books().spend_limits("key:" + x.row.key_id);
  x.limits.insert(x.limits.end(), own.begin(), own.end());
  return x;
}

void read(store_reader& db, due_page_of_all& due) {
  due.expired = db.waiting().expired_jobs(due.now_ms, due_page);
  due.children = db.waiting().ready_children(due_page);
  for (auto& s : db.waiting().due_schedules(due.now_ms, due_page)) due.schedules.push_back(whole(db, std::move(s)));
}

/// The schedule as it is behind this firing, and what is remembered of the firing.
change fired(const schedule& s, time_ms fire_ms, time_ms now_ms, const std::string& job_id, const std::string& error) {
  change c;
  auto& next = c.schedules.emplace().next;
  next = s;
  next.version += 1;
  next.last_ms = fire_ms;
  next.next_ms = next_firing(s, std::max({now_ms, fire_ms, s.last_ms}));
  if (!job_id.empty()) next.last_job_id = job_id;
  next.last_error = error;
  c.fires = firing{s.id, fire_ms, now_ms, job_id, error};
  return c;
}

/// The id follows from the schedule and the time: nobody can make a second job of it.
outcome<job_insert> job_of(const house& h, const schedule& s, time_ms fire_ms, time_ms now_ms) {
  auto read = h.read_job(s.job, now_ms);
  if (auto bad = std::get_if<failure>(&read)) return *bad;
  auto& wanted = std::get<submission>(read);
  wanted.key_id = s.key_id;
  auto id = id_for("job", fire_ms, s.id);
  auto planned = plan_job(wanted, std::move(id), s.user_id, h.settings.fee_bps, now_ms, h.settings.prices);
  if (auto bad = std::get_if<failure>(&planned)) return *bad;
  auto& row = std::get<job>(planned);
  row.version = 1;
  return job_insert{std::move(row), std::move(wanted.spec)};
}

void note(calendar_pointer self, const schedule& s, time_ms fire_ms, const std::string& error) {
  auto ask = commit_changes{{fired(s, fire_ms, self->state.h->now_ms(), {}, error)}};
  self->request(self->state.h->actors.ledger.get(), ledger_limit, std::move(ask))
      .then([](const commit_results&) {}, [](const caf::error&) {});
}

/// Somebody else was quicker: stale. Any other refusal is this firing's end, not the schedule's.
void fire(calendar_pointer self, const due_schedule& x) {
  auto& h = *self->state.h;
  auto& s = x.row;
  auto now = h.now_ms();
  auto [fire_ms, missed] = look_at(s, now);
  if (missed) return note(self, s, fire_ms, "missed: nobody was there to fire it");
  if (x.previous_lives && s.overlap == overlap_rule::skip)
    return note(self, s, fire_ms, "skipped: job " + s.last_job_id + " is still under way");
  if (x.previous_lives && s.overlap == overlap_rule::cancel_previous)
    self->send(h.actors.jobs.get(), tell_job{s.last_job_id, job_input::cancel{}});
  auto made = job_of(h, s, fire_ms, now);
  if (auto bad = std::get_if<failure>(&made)) return note(self, s, fire_ms, to_string(bad->code) + ": " + bad->detail);
  auto& insert = std::get<job_insert>(made);
  auto brief = brief_of(insert.row, insert.spec.needs);
  auto c = submit_change(std::move(insert), x.limits);
  auto f = fired(s, fire_ms, now, brief.id, {});
  c.schedules = std::move(f.schedules);
  c.fires = std::move(f.fires);
  c.low_balance = h.settings.low_balance_amount;
  self->request(h.actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [self, s, fire_ms = fire_ms, brief = std::move(brief)](const commit_results& answer) {
            auto& r = answer.results.at(0);
            if (r.why == errc::ok) return self->send(self->state.h->actors.dispatcher.get(), jobs_waiting{{brief}});
            auto f = to_failure(r);
            auto detail =
                r.why == errc::insufficient_funds ? "needs " + f.required + ", available " + f.balance : f.detail;
            if (r.why != errc::stale) note(self, s, fire_ms, to_string(r.why) + ": " + detail);
          },
          [](const caf::error&) {});  // the database is away: it is still due when it is back
}

void look(calendar_pointer self);

void act(calendar_pointer self, const due_page_of_all& due) {
  auto& s = self->state;
  auto jobs = s.h->actors.jobs.get();
  for (auto& id : due.expired) self->send(jobs, tell_job{id, job_input::expire{}});
  for (auto& x : due.children) {
    auto input = x.failed_parent.empty() ? any_job_input{job_input::parents_done{}}
                                         : any_job_input{job_input::parent_failed{x.failed_parent}};
    self->send(jobs, tell_job{x.id, std::move(input)});
  }
  for (auto& x : due.schedules) fire(self, x);
  auto more = std::max({due.expired.size(), due.children.size(), due.schedules.size()}) >= size_t{due_page};
  if (more) self->delayed_send(self, next_page, rung{});
}

void looked(calendar_pointer self) {
  self->state.looking = false;
  if (std::exchange(self->state.again, false)) look(self);
}

void look(calendar_pointer self) {
  auto& s = self->state;
  s.again = s.looking;
  if (std::exchange(s.looking, true)) return;
  auto due = std::make_shared<due_page_of_all>();
  due->now_ms = s.h->now_ms();
  self->request(s.h->actors.reader(), store_limit, read_store{[due](store_reader& db) { read(db, *due); }})
      .then(
          [self, due](const read_done&) {
            act(self, *due);
            looked(self);
          },
          [self](const caf::error&) { looked(self); });
}

calendar_actor::behavior_type calendar(calendar_pointer self, house* h) {
  self->state.h = h;
  self->delayed_send(self, look_every, tick{});
  return {
      [self](rung) { look(self); },
      [self](tick) {
        if (self->state.h->cluster.owns(duty_shard)) look(self);  // else another gateway does it
        self->delayed_send(self, look_every, tick{});
      },
  };
}

}  // namespace

calendar_actor spawn_calendar(house& h) { return h.system.spawn(calendar, &h); }

}  // namespace troupe
