// Counts what users with limits ask for. The windows of a user live at the gateway that owns the shard of its id, which
// the other gateways ask; they are stored once a second and read again by whoever owns them next.
#include "actors/actors.hpp"
#include "actors/quotas_state.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr auto beat = 1s;
constexpr int64_t patience_ms = 2'000;
constexpr size_t waiting_max = 10'000;

failure nobody() { return {errc::unavailable, "your limits are not to be reached at this moment", {}, {}}; }

rate_verdict count(quotas_pointer self, counted_user& u, const use_quota& x) {
  auto& s = self->state;
  auto v = u.meter.ask(rules_of(s.h->settings.tier_profile, x.tier), x.request, s.h->now_ms());
  if (v.admitted) u.dirty = true;
  return v;
}

void route(quotas_pointer self, quota_question q);

void learned(quotas_pointer self, const std::string& user_id, rate_counts counts) {
  auto found = self->state.users.find(user_id);
  if (found == self->state.users.end()) return;
  auto& u = found->second;
  u.meter.learn(std::move(counts));
  u.known = true;
  for (auto& q : std::exchange(u.waiting, {})) q.answer(count(self, u, q.ask));
}

/// Nothing is known of the user: the next one reads again.
void not_learned(quotas_pointer self, const std::string& user_id, const failure& why) {
  auto found = self->state.users.find(user_id);
  if (found == self->state.users.end()) return;
  auto waiting = std::exchange(found->second.waiting, {});
  self->state.users.erase(found);
  for (auto& q : waiting) q.answer(why);
}

counted_user& user_of(quotas_pointer self, const std::string& user_id) {
  auto [at, is_new] = self->state.users.try_emplace(user_id);
  if (!is_new) return at->second;
  auto kept = std::make_shared<rate_counts>();
  read_store ask{[kept, user_id](store_reader& db) { *kept = db.identity().counts(user_id); }};
  self->request(self->state.h->actors.reader(), store_limit, std::move(ask))
      .then([=](const read_done&) { learned(self, user_id, *kept); },
            [=](const caf::error& why) { not_learned(self, user_id, to_failure(why)); });
  return at->second;
}

/// Its owner is to be found again, soon.
void ask_again(quotas_pointer self, quota_question q) {
  auto& s = self->state;
  if (q.ask.passed_on || s.h->steady() >= q.until_ms || s.waiting.size() >= waiting_max) return q.answer(nobody());
  s.waiting.push_back(std::move(q));
}

/// What came of it is not known when the link broke: it may be counted twice, and its place is given back.
void ask_owner(quotas_pointer self, const gate_actor& gate, quota_question q) {
  auto limit = std::chrono::milliseconds{std::max<int64_t>(1, q.until_ms - self->state.h->steady())};
  auto sent = q.ask;
  sent.request.place.gateway = self->state.h->cluster.me();
  self->request(gate, limit, sent)
      .then(
          [=](const rate_verdict& v) {
            if (v.placed) self->state.away[q.ask.request.place.number] = {q.ask.user_id, q.ask.request.place.stream};
            q.answer(v);
          },
          [=](const caf::error&) mutable {
            self->send(gate, quota_returned{sent.user_id, sent.request.place.gateway, sent.request.place.number});
            ask_again(self, std::move(q));
          });
}

void route(quotas_pointer self, quota_question q) {
  auto& s = self->state;
  auto shard = shard_of(q.ask.user_id);
  if (s.h->cluster.owns(shard)) {
    auto& u = user_of(self, q.ask.user_id);
    if (u.known) return q.answer(count(self, u, q.ask));
    if (u.waiting.size() >= waiting_max) return q.answer(nobody());
    return u.waiting.push_back(std::move(q));
  }
  auto gate = q.ask.passed_on ? gate_actor{} : s.h->cluster.gate_of(shard);
  if (gate) return ask_owner(self, gate, std::move(q));
  ask_again(self, std::move(q));
}

principal told(principal who, const rate_verdict& v, int64_t number) {
  who.quota = std::make_shared<const quota_taken>(quota_taken{v, v.placed ? number : 0});
  return who;
}

caf::result<principal> meter(quotas_pointer self, meter_request& x) {
  auto& s = self->state;
  auto number = ++s.last_number;
  auto per_minute = x.who->rules ? x.who->rules->per_minute : 0;
  use_quota ask{x.who->user_id, x.who->tier, {{{}, number, x.stream}, x.who->key_id, per_minute}};
  if (auto at = s.users.find(ask.user_id);
      at != s.users.end() && at->second.known && s.h->cluster.owns(shard_of(ask.user_id)))
    return told(std::move(x.who), count(self, at->second, ask), number);
  auto promise = self->make_response_promise<principal>();
  auto answer = [promise, who = std::move(x.who), number](const outcome<rate_verdict>& v) mutable {
    if (auto* bad = std::get_if<failure>(&v))
      promise.deliver(to_error(*bad));
    else
      promise.deliver(told(std::move(who), std::get<rate_verdict>(v), number));
  };
  route(self, {std::move(ask), s.h->steady() + patience_ms, std::move(answer)});
  return promise;
}

caf::result<rate_verdict> use(quotas_pointer self, use_quota& x) {
  auto promise = self->make_response_promise<rate_verdict>();
  route(self, {std::move(x), self->state.h->steady() + patience_ms, [promise](const outcome<rate_verdict>& v) mutable {
                 if (auto* bad = std::get_if<failure>(&v))
                   promise.deliver(to_error(*bad));
                 else
                   promise.deliver(std::get<rate_verdict>(v));
               }});
  return promise;
}

void ended(quotas_pointer self, const request_ended& x) {
  auto& s = self->state;
  if (auto u = s.users.find(x.user_id); u != s.users.end()) u->second.meter.give_back({}, x.number);
  if (s.away.erase(x.number) == 0) return;
  if (auto gate = s.h->cluster.gate_of(shard_of(x.user_id)))
    self->send(gate, quota_returned{x.user_id, s.h->cluster.me(), x.number});
}

void returned(quotas_pointer self, const quota_returned& x) {
  auto& s = self->state;
  if (x.number == 0) {
    for (auto& [id, u] : s.users) u.meter.give_back_all(x.gateway);
  } else if (auto u = s.users.find(x.user_id); u != s.users.end()) {
    u->second.meter.give_back(x.gateway, x.number);
  }
}

void hold(quotas_pointer self, const quota_held& x) {
  if (self->state.h->cluster.owns(shard_of(x.user_id))) user_of(self, x.user_id).meter.hold(x.place);
}

/// What was counted since the last time, of the shards that `wanted` names; one change a shard, for its fence.
std::map<int32_t, identity_change> take_dirty(quotas_state& s, const std::function<bool(int32_t)>& wanted) {
  std::map<int32_t, identity_change> steps;
  for (auto& [id, u] : s.users) {
    auto shard = shard_of(id);
    if (!u.dirty || !wanted(shard)) continue;
    u.dirty = false;
    u.storing += 1;
    steps[shard].steps.emplace_back(rate_counts_put{id, u.meter.counts()});
  }
  return steps;
}

void stored(quotas_pointer self, const std::map<int32_t, identity_change>& steps, bool good) {
  auto& s = self->state;
  for (auto& [shard, all] : steps)
    for (auto& step : all.steps) {
      auto u = s.users.find(std::get<rate_counts_put>(step).user_id);
      if (u == s.users.end()) continue;
      u->second.storing = std::max(0, u->second.storing - 1);  // it may have come anew meanwhile
      if (!good) u->second.dirty = true;
    }
}

/// Calls `then` when all is stored, or could not be: what is not is kept for the next beat.
void store_counts(quotas_pointer self, std::map<int32_t, identity_change> steps, std::function<void()> then) {
  commit_changes message;
  for (auto& [shard, all] : steps) {
    auto& c = message.changes.emplace_back();
    c.shard = shard;
    c.identity = std::make_shared<const identity_change>(all);
  }
  self->request(self->state.h->actors.ledger.get(), ledger_limit, std::move(message))
      .then(
          [=](const commit_results&) {  // refused: another gateway owns that shard, and reads what is stored
            stored(self, steps, true);
            then();
          },
          [=](const caf::error&) {
            stored(self, steps, false);
            then();
          });
}

void release(quotas_pointer self, const release_shards& x) {
  std::set<int32_t> leaving{x.shards.begin(), x.shards.end()};
  auto steps = take_dirty(self->state, [&](int32_t shard) { return leaving.contains(shard); });
  store_counts(self, std::move(steps), [self, x] { self->send(self->state.h->actors.jobs.get(), x); });
}

void route_waiting(quotas_pointer self) {
  for (auto& q : std::exchange(self->state.waiting, {})) route(self, std::move(q));
}

/// Windows that are another's now are forgotten, and what is under way here is told to whoever has them.
void on_changed(quotas_pointer self) {
  auto& s = self->state;
  auto& cluster = s.h->cluster;
  std::vector<quota_question> open;
  for (auto at = s.users.begin(); at != s.users.end();) {
    auto& u = at->second;
    if (cluster.owns(shard_of(at->first))) {
      for (auto places = u.meter.places(); auto& p : places)
        if (!p.gateway.empty() && !cluster.gate(p.gateway)) u.meter.give_back_all(p.gateway);
      ++at;
      continue;
    }
    for (auto& p : u.meter.places())
      if (p.gateway.empty()) s.away[p.number] = {at->first, p.stream};
    for (auto& q : u.waiting) open.push_back(std::move(q));
    at = s.users.erase(at);
  }
  for (auto at = s.away.begin(); at != s.away.end();) {
    auto number = at->first;
    auto [user_id, stream] = at->second;
    if (cluster.owns(shard_of(user_id))) {
      user_of(self, user_id).meter.hold({{}, number, stream});
      at = s.away.erase(at);
      continue;
    }
    if (auto gate = cluster.gate_of(shard_of(user_id)))
      self->send(gate, quota_held{user_id, {cluster.me(), number, stream}});
    ++at;
  }
  for (auto& q : open) route(self, std::move(q));
  route_waiting(self);
}

void on_tick(quotas_pointer self) {
  auto& s = self->state;
  auto now = s.h->now_ms();
  auto steps = take_dirty(s, [](int32_t) { return true; });
  if (!steps.empty()) store_counts(self, std::move(steps), [] {});
  std::erase_if(s.users, [&](auto& x) {
    auto& u = x.second;
    return u.known && !u.dirty && u.storing == 0 && u.meter.at_rest(now);
  });
  route_waiting(self);
  self->delayed_send(self, beat, tick{});
}

quotas_actor::behavior_type quotas(quotas_pointer self, house* h) {
  auto& s = self->state;
  s.h = h;
  s.last_number = h->now_ms() * 1'000;  // never those of an earlier life
  for (auto& gate : h->cluster.others()) self->send(gate, quota_returned{{}, h->cluster.me(), 0});
  self->delayed_send(self, beat, tick{});
  return {
      [self](meter_request& x) { return meter(self, x); },   [self](const request_ended& x) { ended(self, x); },
      [self](use_quota& x) { return use(self, x); },         [self](const quota_returned& x) { returned(self, x); },
      [self](const quota_held& x) { hold(self, x); },        [self](cluster_changed) { on_changed(self); },
      [self](const release_shards& x) { release(self, x); }, [self](tick) { on_tick(self); },
  };
}

}  // namespace

quotas_actor spawn_quotas(house& h) { return h.system.spawn(quotas, &h); }

}  // namespace troupe
