// Tells webhooks of events. An event is a row, and so is the place of each webhook among the events of its user; a bell
// only makes it quicker. Who is due is asked of the store, so idle webhooks cost nothing here, and a restart, a crash
// or another owner of the shard forgets nothing: what was told and not noted is told again, with the same id.
#include <algorithm>
#include <deque>
#include <map>
#include <set>

#include "actors/actors.hpp"
#include "actors/sign_in_reads.hpp"
#include "config/log.hpp"
#include "config/vault.hpp"
#include "executors/webhook_call.hpp"
#include "model/identity.hpp"
#include "model/shards.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr size_t callers = 8;
constexpr int calls_of_user_max = 2;  // at a time: slow receivers of one user leave room for others
constexpr int32_t due_page = 256;
constexpr auto look_every = 1s;
constexpr int64_t bell_ms = 100;    // looks that a bell asks for are so far apart,
constexpr int64_t look_share = 10;  // and so many times as long as a look takes

/// One webhook under way: its next event, and the thread that tells it.
struct delivery {
  due_webhook of;
  errands_actor caller;
  std::optional<webhook> row;
  std::optional<event_row> event;  // the first that it wants
  int64_t seen_seq = 0;            // of the last event that was read; 0: there was none
  outbound_answer answer;
};
using delivery_ptr = std::shared_ptr<delivery>;

struct webhooks_state {
  webhooks_state() = default;
  static inline const char* name = "webhooks";
  house* h = nullptr;
  outbound_rules rules;
  errands_actor looker;
  std::vector<errands_actor> idle;
  std::deque<due_webhook> queue;
  std::set<std::string> known;                                 // in the queue or under way
  std::map<std::string, int> calls_of;                         // users
  std::string after_id;                                        // the next look begins here
  std::vector<std::pair<delivery_ptr, webhook_move>> unsaved;  // told, but the database was away
  bool looking = false, put_off = false;
  int64_t look_ms = 0;  // how long the last look took
};

using webhooks_pointer = webhooks_actor::stateful_pointer<webhooks_state>;

void work(webhooks_pointer self);

void looked(webhooks_pointer self, const std::vector<due_webhook>& due) {
  auto& s = self->state;
  s.after_id = due.size() == size_t{due_page} ? due.back().id : std::string{};
  for (auto& x : due)
    if (s.h->cluster.owns(shard_of(x.user_id)) && s.known.insert(x.id).second) s.queue.push_back(x);
  work(self);
}

void look(webhooks_pointer self) {
  auto& s = self->state;
  auto full = s.queue.size() >= size_t{due_page};
  if (full || !s.h->webhook_body || !s.h->secrets || std::exchange(s.looking, true)) return;
  auto due = std::make_shared<std::vector<due_webhook>>();
  auto began = s.h->steady();
  read_store ask{[due, after = s.after_id, now = s.h->now_ms()](store_reader& db) {
    *due = db.identity().webhooks().due(now, after, due_page);
  }};
  self->request(s.h->actors.reader(), store_limit, std::move(ask))
      .then(
          [self, due, began](const read_done&) {
            self->state.looking = false;
            self->state.look_ms = self->state.h->steady() - began;
            looked(self, *due);
          },
          [self](const caf::error&) { self->state.looking = false; });
}

/// `more`: there may be another event for it right now.
void finish(webhooks_pointer self, const delivery_ptr& d, bool more) {
  auto& s = self->state;
  s.idle.push_back(d->caller);
  if (auto calls = s.calls_of.find(d->of.user_id); --calls->second == 0) s.calls_of.erase(calls);
  if (more)
    s.queue.push_back(d->of);  // behind the others
  else
    s.known.erase(d->of.id);
  work(self);
}

/// Somebody else was quicker, or its user changed it: stale. Then it is read again.
void move(webhooks_pointer self, const delivery_ptr& d, const webhook_move& step) {
  auto more = step.next_ms == 0 && step.active;
  change c;
  c.shard = shard_of(d->of.user_id);
  c.identity = std::make_shared<const identity_change>(identity_change{{webhook_step{step}}});
  self->request(self->state.h->actors.ledger.get(), ledger_limit, commit_changes{{std::move(c)}})
      .then(
          [self, d, more](const commit_results& done) {
            auto& r = done.results.at(0);
            if (r.why != errc::ok) log::debug("a webhook did not move", {{"id", d->of.id}, {"why", r.detail}});
            finish(self, d, more && r.why == errc::ok);
          },
          [self, d, step](const caf::error&) { self->state.unsaved.emplace_back(d, step); });
}

void called(webhooks_pointer self, const delivery_ptr& d) {
  auto& h = *self->state.h;
  auto step = after_attempt(*d->row, *d->event, d->answer.status, webhook_trouble(d->answer),
                            h.settings.webhook_pauses_ms, h.now_ms());
  if (!step.active) log::warn("a webhook is switched off: nobody takes what it is told", {{"id", d->of.id}});
  move(self, d, step);
}

/// Nothing when a secret cannot be opened or the rules have changed; `d.answer` says why.
std::optional<outbound_request> request_of(const webhooks_state& s, delivery& d) {
  auto& w = *d.row;
  auto& v = *s.h->secrets;
  auto now = s.h->now_ms();
  auto url = v.open(w.url, "webhook_url:" + w.id), secret = v.open(w.secret, "webhook:" + w.id);
  d.answer.trouble = "its secret cannot be opened";
  if (!url || !secret) return {};
  std::vector<std::string> secrets{*secret};
  auto old = w.old_ends_ms > now ? v.open(w.old_secret, "webhook_old:" + w.id) : std::nullopt;
  if (old) secrets.push_back(*old);
  auto parsed = parse_outbound_url(*url, s.rules);
  if (auto* bad = std::get_if<failure>(&parsed)) {
    d.answer.trouble = bad->detail;
    return {};
  }
  auto& e = *d.event;
  return webhook_request(std::get<outbound_url>(parsed), event_id(e.seq), s.h->webhook_body(e), secrets, now / 1000);
}

void have_read(webhooks_pointer self, const delivery_ptr& d) {
  auto& s = self->state;
  if (!d->row || !d->row->active || d->seen_seq == 0 || !s.h->cluster.owns(shard_of(d->of.user_id)))
    return finish(self, d, false);
  if (!d->event) return move(self, d, skip_to(*d->row, d->seen_seq));
  if (d->row->next_ms > s.h->now_ms()) return finish(self, d, false);
  auto request = request_of(s, *d);
  if (!request) return called(self, d);
  do_work call{[d, rules = s.rules, request = std::move(*request)] { d->answer = call_outbound(request, rules); }};
  self->request(d->caller, caf::infinite, std::move(call))
      .then([self, d](const work_done&) { called(self, d); }, [self, d](const caf::error&) { finish(self, d, false); });
}

/// On the reader's thread: only one event leaves it.
void read(store_reader& db, delivery& d) {
  d.row = db.identity().webhooks().find(d.of.id);
  if (!d.row || !d.row->active || db.identity().sign_in().user_status(d.row->user_id) != "active") return;
  auto page = static_cast<int32_t>(limits::events_page);
  for (auto& e : db.events_after(d.row->user_id, {}, d.row->told_seq, page)) {
    d.seen_seq = e.seq;
    if (!wants(*d.row, e.kind)) continue;
    d.event = std::move(e);
    return;
  }
}

void begin(webhooks_pointer self, const due_webhook& of) {
  auto& s = self->state;
  auto d = std::make_shared<delivery>();
  d->of = of;
  d->caller = s.idle.back();
  s.idle.pop_back();
  s.calls_of[of.user_id] += 1;
  self->request(s.h->actors.reader(), store_limit, read_store{[d](store_reader& db) { read(db, *d); }})
      .then([self, d](const read_done&) { have_read(self, d); },
            [self, d](const caf::error&) { finish(self, d, false); });
}

void work(webhooks_pointer self) {
  auto& s = self->state;
  auto may = [&](const due_webhook& x) {
    auto calls = s.calls_of.find(x.user_id);
    return calls == s.calls_of.end() || calls->second < calls_of_user_max;
  };
  while (!s.idle.empty()) {
    auto next = std::find_if(s.queue.begin(), s.queue.end(), may);
    if (next == s.queue.end()) break;
    auto of = std::move(*next);
    s.queue.erase(next);
    begin(self, of);
  }
  if (s.queue.empty() && !s.after_id.empty()) look(self);
}

void ring(webhooks_pointer self) {
  auto& s = self->state;
  if (std::exchange(s.put_off, true)) return;
  self->delayed_send(self, std::chrono::milliseconds{std::max(bell_ms, look_share * s.look_ms)}, flush{});
}

webhooks_actor::behavior_type webhooks(webhooks_pointer self, house* h, run_on where) {
  auto& s = self->state;
  s.h = h;
  s.rules = outbound_rules_of(h->settings.outbound_allow);
  s.looker = spawn_errands(*h, where);
  for (size_t i = 0; i < callers; ++i) s.idle.push_back(spawn_errands(*h, where));
  self->link_to(s.looker);
  for (auto& x : s.idle) self->link_to(x);
  self->delayed_send(self, look_every, tick{});
  return {
      [self](do_work& ask) { return self->delegate(self->state.looker, std::move(ask)); },
      [self](rung) { ring(self); },
      [self](tick) {
        for (auto& [d, step] : std::exchange(self->state.unsaved, {})) move(self, d, step);
        look(self);
        self->delayed_send(self, look_every, tick{});
      },
      [self](flush) {
        self->state.put_off = false;
        look(self);
      },
  };
}

}  // namespace

webhooks_actor spawn_webhooks(house& h, run_on where) { return h.system.spawn(webhooks, &h, where); }

}  // namespace troupe
