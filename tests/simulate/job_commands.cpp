// Jobs: submits, what the dispatcher and the timers do, and letters of nodes that arrive late, twice or never.
#include <algorithm>

#include "tests/simulate/commands.hpp"
#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

namespace in = troupe::job_input;
using troupe::job_state;

void price(world& w, troupe::job& j) {
  auto& r = w.random;
  j.pricing = r.one_in(2) ? troupe::pricing_mode::by_token : troupe::pricing_mode::by_time;
  j.currency = r.one_in(3) ? troupe::asset::credit : troupe::asset::dgpu;
  if (j.pricing == troupe::pricing_mode::by_token) {
    j.price_in = r.any_size(r.one_in(20) ? 18 : 9);
    j.price_out = r.any_size(9) - 1;
    j.min_tokens = r.one_in(2) ? r.below(200) : 0;
    j.price_cached = r.one_in(2) ? r.below(j.price_in + 1) : 0;
  }
  j.fee_inclusive = r.one_in(3);
  j.fee_bps = r.one_in(4) ? r.below(10'001) : 500;
  j.hold = r.one_in(20) ? 0 : r.any_size(10);
  if (r.one_in(2)) j.rare.hold_window_ms = r.between(10'000, 60'000);
  if (r.one_in(3)) j.rare.stall_ms = r.between(1'000, 20'000);
}

troupe::change change_of_submit(const troupe::job& j) {
  troupe::change c;
  troupe::job_spec spec;
  spec.name = "a job";
  spec.params = "{}";
  c.submits = troupe::job_insert{j, spec};
  c.opens = troupe::hold_open{j.hold_id, j.id, {j.user_id, troupe::account_kind::available, j.currency}, j.hold};
  troupe::event_row e;
  e.user_id = j.user_id;
  e.job_id = j.id;
  e.kind = to_string(j.state);
  e.value = j.hold;
  e.currency = j.currency;
  c.events.push_back(e);
  return c;
}

std::string describe(const troupe::any_job_input& what) {
  static const char* const names[] = {"due",          "claim",         "reject",   "start",   "progress",
                                      "finish",       "lost",          "deadline", "cancel",  "grace over",
                                      "quarantine",   "extend",        "funds",    "stalled", "expire",
                                      "parents done", "parent failed", "amend",    "redrive"};
  std::string text = names[what.index()];
  if (auto* c = std::get_if<in::claim>(&what)) text += " by " + c->node_id;
  if (auto* f = std::get_if<in::finish>(&what))
    text += " of epoch " + std::to_string(f->epoch) + " by " + f->node_id + ", outcome " +
            std::to_string(static_cast<int>(f->report.outcome)) + ", " + std::to_string(f->report.ran_ms) + " ms, " +
            std::to_string(f->report.prompt_tokens) + "+" + std::to_string(f->report.completion_tokens) + " tokens";
  return text;
}

void say_and_tell(world& w, const std::string& id, const troupe::any_job_input& what) {
  w.say(id + ": " + describe(what));
  w.tell(id, what);
}

/// Mostly one that stands there; any at all now and then. Empty: there is none.
std::string job_at(world& w, spot where) {
  if (w.jobs.empty()) return {};
  auto from = w.random.below(std::ssize(w.jobs));
  if (w.random.one_in(10)) return w.jobs[static_cast<size_t>(from)];
  for (size_t i = 0; i < w.jobs.size(); ++i) {
    auto& id = w.jobs[(static_cast<size_t>(from) + i) % w.jobs.size()];
    if (w.naive.jobs.at(id).at == where) return id;
  }
  return {};
}

/// One that waits for its next node, of those that see many. Empty: there is none.
std::string traveller(world& w) {
  for (auto& id : w.jobs)
    if (w.wandering.count(id) + w.deadly.count(id) > 0 && w.naive.jobs.at(id).at == spot::waiting) return id;
  return {};
}

/// Of the newest grant, or a little off.
int64_t some_epoch(world& w, const std::string& id) {
  auto epoch = w.naive.jobs.at(id).grants;
  return w.random.one_in(5) ? epoch + w.random.between(-1, 1) : epoch;
}

/// Mostly of the same user, for else it is only refused; the newest, which may be of this very group, are the best.
std::vector<std::string> some_parents(world& w, const std::string& user) {
  std::vector<std::string> list;
  if (!w.random.one_in(4)) return list;
  auto from = w.random.one_in(3) ? &w.fresh.new_jobs : &w.jobs;
  for (auto n = from->empty() ? 0 : w.random.between(1, 3); n > 0; --n) {
    auto& id = w.random.of(*from);
    auto own = w.naive.jobs.at(id).user == user || w.random.one_in(30);
    if (own && std::find(list.begin(), list.end(), id) == list.end()) list.push_back(id);
  }
  return list;
}

}  // namespace

void submit(world& w) {
  troupe::job j;
  j.id = w.new_id("job_");
  j.hold_id = "hold_" + j.id.substr(4);
  j.user_id = w.random.of(w.users);
  j.version = 1;
  j.state = w.random.one_in(6) ? job_state::scheduled : job_state::queued;
  j.run_at_ms = j.state == job_state::scheduled ? w.now + w.random.any_size(6) : 0;
  j.created_ms = w.now;
  j.max_attempts = static_cast<int32_t>(w.random.between(1, 6));
  j.timeout_ms = 60'000;
  price(w, j);
  if (w.random.one_in(10)) {
    j.max_attempts = 6;
    w.deadly.insert(j.id);
  }
  if (w.random.one_in(8)) {
    j.pricing = troupe::pricing_mode::by_time;
    w.wandering.insert(j.id);
  }
  if (w.random.one_in(5)) j.expires_ms = std::max(w.now, j.run_at_ms) + w.random.any_size(6);
  auto parents = some_parents(w, j.user_id);
  if (!parents.empty()) j.state = job_state::blocked;
  auto c = change_of_submit(j);
  c.submits->spec.parents = std::move(parents);
  if (w.random.one_in(3)) c.opens->guards = any_guards(w);
  if (w.random.one_in(3))
    c.once = troupe::idempotency_row{j.user_id + " POST /jobs", w.new_id("key_"), "h1", 202, "queued " + j.id};
  w.say("submit " + j.id + " of " + j.user_id + ", hold " + std::to_string(j.hold) + (c.once ? ", with a key" : ""));
  if (w.random.one_in(10)) w.unwanted.insert(j.id);
  w.said.push_back(c);
  request(w, c);
}

void claim(world& w) {
  auto& m = w.random.of(w.machines);
  if (m.used >= m.slots) return;
  auto id = w.random.one_in(4) ? traveller(w) : job_at(w, spot::waiting);
  if (id.empty()) return;
  auto rate = w.random.any_size(w.random.one_in(30) ? 18 : 13);
  say_and_tell(w, id, in::claim{m.id, w.naive.nodes[m.id].session, m.owner, rate});
}

/// Often one of the newest letters, else any: that is what makes them late. They stay in the post, to come again.
void deliver(world& w) {
  if (w.post.empty()) return;
  auto n = std::ssize(w.post);
  auto back = w.random.one_in(4) ? w.random.below(n) : w.random.below(std::min<std::ptrdiff_t>(24, n));
  auto at = static_cast<size_t>(n - 1 - back);
  auto x = w.post[at];
  if (w.random.one_in(3)) w.post.erase(w.post.begin() + static_cast<std::ptrdiff_t>(at));
  say_and_tell(w, x.job_id, x.what);
}

void due(world& w) {
  auto id = job_at(w, spot::parked);
  if (id.empty()) return;
  if (w.random.one_in(2)) w.now += w.random.below(20'000);
  say_and_tell(w, id, in::due{});
}

/// Often a node falls with the job that no node survives.
void lost(world& w) {
  auto id = job_at(w, w.random.one_in(2) ? spot::offered : spot::busy);
  if (w.random.one_in(3))
    for (auto& each : w.jobs)
      if (w.deadly.count(each) > 0 && w.naive.jobs.at(each).at == spot::busy) id = each;
  if (!id.empty()) say_and_tell(w, id, in::lost{some_epoch(w, id)});
}

void deadline(world& w) {
  auto id = job_at(w, spot::busy);
  if (!id.empty()) say_and_tell(w, id, in::deadline{some_epoch(w, id)});
}

/// The hold is looked at when it may be nearly used up, or far too late.
void extend(world& w) {
  auto id = job_at(w, spot::busy);
  if (id.empty()) return;
  if (w.random.one_in(3)) w.now += w.random.below(20'000);
  say_and_tell(w, id, in::extend{some_epoch(w, id)});
}

void stalled(world& w) {
  auto id = job_at(w, spot::busy);
  if (!id.empty()) say_and_tell(w, id, in::stalled{some_epoch(w, id)});
}

void cancel(world& w) {
  static const std::vector<spot> anywhere{spot::waiting, spot::parked, spot::offered, spot::busy, spot::busy};
  auto id = job_at(w, w.random.of(anywhere));
  if (!id.empty()) say_and_tell(w, id, in::cancel{});
}

void grace_over(world& w) {
  auto id = job_at(w, spot::stopping);
  if (!id.empty()) say_and_tell(w, id, in::grace_over{some_epoch(w, id)});
}

void quarantine(world& w) {
  auto id = job_at(w, w.random.one_in(2) ? spot::busy : spot::waiting);
  if (!id.empty()) say_and_tell(w, id, in::quarantine{"its actor crashed again and again"});
}

}  // namespace simulate
