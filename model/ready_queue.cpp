// Every set is kept in order as things change, so that the next job is always the first of the first.
#include "model/ready_queue.hpp"

#include <algorithm>
#include <cassert>
#include <utility>

#include "model/limits.hpp"

namespace troupe {

namespace {

constexpr int aged_at_once_max = 256;

std::string class_key(const demand& d, const std::vector<std::string>& avoid) {
  auto key = d.gpu_type;
  for (auto x : {int64_t{d.gpu_count}, d.vram_mb, d.rate_max, int64_t{d.cpu_cores}, d.memory_mb, d.disk_mb,
                 int64_t{d.exclusive}, int64_t{d.spread}, int64_t{d.min_trust_ppm}})
    key += '|' + std::to_string(x);
  auto add = [&](const std::string& x) { key += '|' + std::to_string(x.size()) + ':' + x; };
  add(d.region);
  add(d.model);
  for (auto& l : d.labels) {
    add(l.key);
    add(l.value);
  }
  for (auto& id : avoid) key += "|-" + id;
  return key;
}

constexpr const char* avoiding = "avoiding";

/// What a class that avoids nodes may have depends on all nodes: it has an anchor of its own.
std::string anchor_of(const ready_queue::job_class& c) {
  auto& d = c.needs;
  if (!c.avoid.empty()) return avoiding;
  if (!d.labels.empty()) return "label " + d.labels[0].key + '=' + d.labels[0].value;
  if (!d.region.empty()) return "region " + d.region;
  if (!d.model.empty()) return "model " + d.model;
  return d.gpu_type.empty() ? "any" : "gpu " + d.gpu_type;
}

}  // namespace

int32_t ready_queue::level_of(int32_t priority, time_ms since_ms, time_ms now_ms) {
  auto levels = std::max<int64_t>(0, now_ms - since_ms) / level_ms;
  return static_cast<int32_t>(std::min<int64_t>(limits::priority_max, priority + levels));
}

ready_queue::tenant& ready_queue::tenant_of(const std::string& id) {
  auto& place = tenants_[id];
  if (!place) place = std::make_unique<tenant>(tenant{id, 0, {}});
  return *place;
}

void ready_queue::forget_idle(tenant& t) {
  if (t.running == 0 && t.queues.empty()) tenants_.erase(std::string{t.id});
}

void ready_queue::add(ready_job j, time_ms now_ms) {
  assert(!contains(j.id));
  auto key = class_key(j.needs, j.avoid);
  auto& c = classes_[key];
  if (!c) {
    c = std::make_unique<job_class>();
    c->key = std::move(key);
    c->needs = std::move(j.needs);
    c->avoid = std::move(j.avoid);
  }
  auto& t = tenant_of(j.user_id);
  auto& q = c->queues[&t];
  if (!q) {
    q = std::make_unique<queue>();
    q->of = c.get();
    q->who = &t;
    q->place.of = q.get();
    q->place.ticket = next_ticket_++;
    t.queues.insert(q.get());
  }
  moment at{j.since_ms, next_ticket_++};
  q->lines[j.priority].emplace(at, j.id);
  waiting_.emplace(std::move(j.id), spot{q.get(), j.priority, at});
  c->waiting += 1;
  place(*q, now_ms);
}

/// Out of its line; the queue stays where it stood unless it is empty.
ready_job ready_queue::take(std::unordered_map<std::string, spot>::iterator found) {
  auto [q, priority, at] = found->second;
  auto* c = q->of;
  ready_job was{found->first, q->who->id, priority, c->needs, {}, at.first, c->avoid};
  waiting_.erase(found);
  auto line = q->lines.find(priority);
  line->second.erase(at);
  if (line->second.empty()) q->lines.erase(line);
  c->waiting -= 1;
  if (!q->lines.empty()) return was;
  unplace(*q);
  auto& t = *q->who;
  t.queues.erase(q);
  c->queues.erase(&t);
  forget_idle(t);
  if (!c->queues.empty()) return was;
  close(*c);
  unblock(*c);
  classes_.erase(std::string{c->key});
  return was;
}

bool ready_queue::remove(const std::string& job_id, ready_job* was) {
  auto found = waiting_.find(job_id);
  if (found == waiting_.end()) return false;
  auto taken = take(found);
  if (was != nullptr) *was = std::move(taken);
  return true;
}

// --- turns --------------------------------------------------------------------------------------

void ready_queue::close(job_class& c) {
  if (!c.order.empty()) open_.erase({*c.order.begin(), &c});
}

void ready_queue::open(job_class& c) {
  if (!c.blocked && !c.order.empty()) open_.insert({*c.order.begin(), &c});
}

void ready_queue::unplace(queue& q) {
  close(*q.of);
  q.of->order.erase(q.place);
  if (q.ages_ms != 0) ages_.erase({q.ages_ms, &q});
  q.ages_ms = 0;
  open(*q.of);
}

/// Where it stands now, and when that may change by itself.
void ready_queue::place(queue& q, time_ms now_ms) {
  auto level = 0;
  time_ms ages_ms = 0;
  for (auto& [priority, line] : q.lines) {
    auto since_ms = line.begin()->first.first;
    auto own = level_of(priority, since_ms, now_ms);
    level = std::max(level, own);
    if (own == limits::priority_max) continue;
    auto rises_ms = std::max(since_ms, now_ms - (now_ms - since_ms) % level_ms) + level_ms;
    ages_ms = ages_ms == 0 ? rises_ms : std::min(ages_ms, rises_ms);
  }
  auto capped = tenant_jobs_max_ > 0 && q.who->running >= tenant_jobs_max_;
  turn next{capped, limits::priority_max - level, q.who->running, q.place.ticket, &q};
  auto stands = q.of->order.contains(q.place);
  if (!stands || next != q.place) {
    close(*q.of);
    if (stands) {
      auto own = q.of->order.extract(q.place);
      own.value() = next;
      q.of->order.insert(std::move(own));
    } else {
      q.of->order.insert(next);
    }
    q.place = next;
    open(*q.of);
  }
  if (ages_ms == q.ages_ms) return;
  if (q.ages_ms != 0) ages_.erase({q.ages_ms, &q});
  q.ages_ms = ages_ms;
  if (ages_ms != 0) ages_.insert({ages_ms, &q});
}

void ready_queue::age(time_ms now_ms) {
  for (int i = 0; i < aged_at_once_max && !ages_.empty() && ages_.begin()->first <= now_ms; ++i)
    place(*ages_.begin()->second, now_ms);
}

ready_queue::job_class* ready_queue::first(time_ms now_ms) {
  age(now_ms);
  if (open_.empty() || open_.begin()->first.capped) return nullptr;
  return open_.begin()->second;
}

const std::string& ready_queue::first_tenant(const job_class& c) const { return c.order.begin()->of->who->id; }

ready_job ready_queue::pop(job_class& c, time_ms now_ms) {
  assert(!c.order.empty());
  auto& q = *c.order.begin()->of;
  auto best = q.lines.begin();
  auto level_at = [&](auto& line) { return level_of(line->first, line->second.begin()->first.first, now_ms); };
  for (auto line = q.lines.begin(); line != q.lines.end(); ++line) {
    auto higher = level_at(line) != level_at(best) ? level_at(line) > level_at(best)
                                                   : line->second.begin()->first < best->second.begin()->first;
    if (higher) best = line;
  }
  auto id = best->second.begin()->second;
  auto last = q.lines.size() == 1 && best->second.size() == 1;
  auto was = take(waiting_.find(id));
  if (last) return was;
  unplace(q);
  q.place.ticket = next_ticket_++;  // behind those who are equal
  place(q, now_ms);
  return was;
}

void ready_queue::block(job_class& c) {
  close(c);
  c.blocked = true;
  auto& all = blocked_[anchor_of(c)];
  auto& d = c.needs;
  c.blocked_at = all.size();
  all.push_back({{d.vram_mb, d.memory_mb, d.rate_max, d.cpu_cores, d.min_trust_ppm}, &c});
}

void ready_queue::unblock(job_class& c) {
  if (!std::exchange(c.blocked, false)) return;
  auto found = blocked_.find(anchor_of(c));
  auto& all = found->second;
  all[c.blocked_at] = all.back();
  all[c.blocked_at].of->blocked_at = c.blocked_at;
  all.pop_back();
  if (all.empty()) blocked_.erase(found);
  open(c);
}

void ready_queue::unblock_avoiding() {
  auto found = blocked_.find(avoiding);
  if (found == blocked_.end()) return;
  for (auto& x : std::vector{found->second}) unblock(*x.of);
}

void ready_queue::running(const std::string& user_id, int32_t more, time_ms now_ms) {
  auto& t = tenant_of(user_id);
  t.running += more;
  assert(t.running >= 0);
  auto freed = more < 0 && tenant_jobs_max_ > 0 && t.running == tenant_jobs_max_ + more;
  for (auto* q : t.queues) {
    place(*q, now_ms);
    if (freed) unblock(*q->of);  // it was passed over where it fitted
  }
  forget_idle(t);
}

}  // namespace troupe
