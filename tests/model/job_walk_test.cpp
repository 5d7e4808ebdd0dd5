// Random lives of jobs among zombie nodes: messages come twice, late and in any order, and the machine is held
// against a naive one. TROUPE_TEST_SEED=N repeats a walk.
#include <doctest/doctest.h>

#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <string>

#include "model/limits.hpp"
#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

/// The rules again, in the words of a person who counts grants; it knows neither prices nor times but the due one.
struct naive_job {
  enum class place { waiting, parked, offered, busy, stopping, over };
  place at = place::waiting;
  int64_t grants = 0;  // and forced ends
  int starts = 0, vain = 0, budget = 0;
  std::string node;              // of the newest grant
  bool begun = false;            // the newest grant was heard to start
  bool done = false;             // over, and with a result that succeeded
  bool given = true;             // the newest grant, or the end by force, was somebody's: what he says late is believed
  std::set<std::string> graves;  // nodes that were lost while they ran it
};
using place = naive_job::place;

bool held(place x) { return x == place::offered || x == place::busy || x == place::stopping; }

void begin(naive_job& n) {
  if (n.begun) return;
  n.begun = true;
  n.vain = 0;
  ++n.starts;
}

void again(naive_job& n) { n.at = n.starts >= n.budget ? place::over : place::parked; }
void back(naive_job& n) { n.at = n.vain >= limits::deliveries_max ? place::over : place::waiting; }

/// Each answers whether the message was believed.
bool told(naive_job& n, const in::due&, bool due) {
  if (n.at != place::parked || !due) return false;
  n.at = place::waiting;
  return true;
}

bool told(naive_job& n, const in::claim& x, bool) {
  if (n.at != place::waiting) return false;
  n.node = x.node_id;
  n.at = place::offered;
  n.begun = false;
  n.given = true;
  ++n.grants;
  ++n.vain;
  return true;
}

bool told(naive_job& n, const in::reject& x, bool) {
  if (x.epoch != n.grants || n.at != place::offered) return false;
  back(n);
  return true;
}

bool told(naive_job& n, const in::start& x, bool) {
  if (x.epoch != n.grants || n.at != place::offered) return false;
  begin(n);
  n.at = place::busy;
  return true;
}

bool told(naive_job& n, const in::progress& x, bool) { return x.epoch == n.grants && n.at == place::busy; }

bool told(naive_job& n, const in::finish& x, bool) {
  if (x.epoch != n.grants || n.grants == 0 || n.at == place::over) return false;
  if (!x.node_id.empty() && x.node_id != n.node) return false;
  auto won = x.report.outcome == run_outcome::succeeded;
  if (!held(n.at) && !(won && n.given)) return false;
  begin(n);
  if (x.report.outcome == run_outcome::preempted && n.at != place::stopping) {
    n.at = place::waiting;
    n.given = false;
    ++n.grants;
    ++n.budget;
    return true;
  }
  auto ends = won || x.report.outcome == run_outcome::failed || n.at == place::stopping;
  n.done = won;
  if (ends)
    n.at = place::over;
  else
    again(n);
  return true;
}

bool told(naive_job& n, const in::lost& x, bool) {
  if (x.epoch != n.grants || !held(n.at)) return false;
  if (n.at == place::offered) {
    back(n);
    return true;
  }
  auto stopping = n.at == place::stopping;
  if (!stopping) n.graves.insert(n.node);
  again(n);
  if (stopping || n.graves.size() == 3) n.at = place::over;
  return true;
}

bool told(naive_job& n, const in::deadline& x, bool) {
  if (x.epoch != n.grants || n.at != place::busy) return false;
  again(n);
  return true;
}

bool told(naive_job& n, const in::cancel&, bool) {
  if (n.at == place::over || n.at == place::stopping) return false;
  if (n.at == place::offered) ++n.grants;
  n.at = n.at == place::busy ? place::stopping : place::over;
  return true;
}

bool told(naive_job& n, const in::grace_over& x, bool) {
  if (x.epoch != n.grants || n.at != place::stopping) return false;
  ++n.grants;
  n.at = place::over;
  return true;
}

bool told(naive_job& n, const in::quarantine&, bool) {
  if (n.at == place::over) return false;
  if (held(n.at)) ++n.grants;
  n.at = place::over;
  return true;
}

bool told(naive_job& n, const in::funds& x, bool) {
  if (x.epoch != n.grants || n.at != place::busy) return false;
  n.at = place::stopping;
  return true;
}

bool told(naive_job&, const in::extend&, bool) { return false; }   // by money and time: its own tests
bool told(naive_job&, const in::stalled&, bool) { return false; }  // by time: likewise

/// What reaches only jobs that wait has tests of its own, and does not come by here.
template <class Input>
bool told(naive_job&, const Input&, bool) {
  return false;
}

place place_of(job_state s) {
  switch (s) {
    case job_state::queued: return place::waiting;
    case job_state::scheduled:
    case job_state::retry_wait: return place::parked;
    case job_state::leased: return place::offered;
    case job_state::running: return place::busy;
    case job_state::cancelling: return place::stopping;
    default: return place::over;
  }
}

/// One job, its naive twin, and every message that any node ever sent about it.
struct life {
  job j;
  naive_job twin;
  std::vector<any_job_input> post;  // never emptied: old nodes repeat themselves for ever
  std::map<int64_t, int> began, started;
  int paid = 0, ended = 0, busy_slots = 0;
  time_ms at = now;
  bool unwanted = false;  // no node can start it
};

struct counters {
  std::array<int, job_states> seen{};
  int lives = 0, late_wins = 0, stale = 0, spent = 0, poison = 0, graves = 0, preempted = 0, accrued = 0;
};

using random_source = std::mt19937_64;

int pick(random_source& random, int n) { return static_cast<int>(random() % static_cast<uint64_t>(n)); }

life new_life(random_source& random) {
  life x;
  x.j = make_job(job_state::scheduled);
  x.j.state = pick(random, 4) == 0 ? job_state::scheduled : job_state::queued;
  x.j.run_at_ms = now + pick(random, 3'000);
  x.j.max_attempts = 1 + pick(random, 6);
  x.j.hold = pick(random, 2) ? 1'000'000 : one;
  x.j.fee_bps = pick(random, 1'000);
  x.unwanted = pick(random, 8) == 0;
  x.twin.budget = x.j.max_attempts;
  x.twin.at = place_of(x.j.state);
  return x;
}

/// A node that got the job will say some of this, sooner or later, and perhaps more than once.
void write_letters(life& x, random_source& random) {
  auto e = x.j.lease_epoch;
  if (x.unwanted || pick(random, 4) == 0) x.post.push_back(in::reject{e});
  if (x.unwanted) return;
  x.post.push_back(in::start{e});
  for (int i = pick(random, 3); i > 0; --i) x.post.push_back(in::progress{e, pick(random, 1'200'000), "on"});
  static constexpr std::array outcomes{run_outcome::succeeded, run_outcome::failed, run_outcome::node_fault,
                                       run_outcome::preempted, run_outcome::cancelled};
  for (int i = pick(random, 3); i > 0; --i) {
    auto outcome = outcomes[static_cast<size_t>(pick(random, 5))];
    auto ran_ms = pick(random, 200'000) - 1'000;
    auto letter = finish(e, outcome, ran_ms);
    letter.node_id = pick(random, 8) ? x.j.node_id : "a stranger";
    x.post.push_back(letter);
  }
}

/// What the gateway's own timers and people do, mostly about the newest grant.
any_job_input from_above(const life& x, random_source& random) {
  auto e = x.j.lease_epoch - (pick(random, 5) == 0 ? 1 : 0);
  switch (pick(random, 40)) {
    case 0: return in::cancel{};
    case 1: return in::grace_over{e};
    case 2: return in::deadline{e};
    case 3: return pick(random, 8) ? any_job_input{in::cancel{}} : in::quarantine{"crashes"};
    case 4:
    case 5:
    case 6:
    case 10:
    case 11: return in::lost{e};
    case 7: return finish(e);  // also before any grant
    case 8: return in::funds{e, "no money"};
    case 9: return pick(random, 2) ? any_job_input{in::extend{e}} : in::stalled{e};
    default: break;
  }
  if (pick(random, 2)) return in::due{};
  return in::claim{"node-" + std::to_string(pick(random, 4)), 1 + pick(random, 3), "provider", pick(random, 2) * one};
}

any_job_input next_input(const life& x, random_source& random) {
  if (x.post.empty() || pick(random, 3) == 0) return from_above(x, random);
  auto newest = x.post.size() < 6 || pick(random, 2);  // the other half of the time: anything ever written
  auto back = pick(random, static_cast<int>(newest ? std::min<size_t>(6, x.post.size()) : x.post.size()));
  return x.post[x.post.size() - 1 - static_cast<size_t>(back)];
}

/// What must hold of the whole life so far, not only of the last step.
std::string broken_history(const life& x) {
  auto over = is_terminal(x.j.state);
  if (x.paid != (over ? 1 : 0)) return "the hold is resolved once, at the end";
  if (x.ended != (over ? 1 : 0)) return "one end is told";
  if (x.busy_slots != (is_granted(x.j.state) ? 1 : 0)) return "a slot is taken once and freed once";
  for (auto [e, n] : x.began)
    if (n != 1) return "one attempt an epoch";
  for (auto [e, n] : x.started)
    if (n != 1 || !x.began.contains(e)) return "one start an attempt";
  if (!x.began.empty() && x.began.rbegin()->first > x.j.lease_epoch) return "the newest attempt has the newest epoch";
  if (x.j.attempts > x.j.max_attempts) return "the budget holds";
  return "";
}

bool is_end(std::string_view event) { return event == "completed" || event == "failed" || event == "cancelled"; }

void record(life& x, const step& s, random_source& random) {
  x.paid += s.settle.has_value();
  x.ended += is_end(s.event);
  x.busy_slots -= s.vacates;
  x.j = s.next;
  if (s.event == "started") ++x.started[x.j.lease_epoch];
  if (s.attempt != attempt_outcome::open) return;
  ++x.busy_slots;
  ++x.began[x.j.lease_epoch];
  write_letters(x, random);
}

void count(counters& c, const life& x, const step& s) {
  c.stale += s.why == errc::stale;
  if (s.why != errc::ok) return;
  ++c.seen[static_cast<size_t>(s.next.state)];
  c.late_wins += s.next.state == job_state::succeeded && !is_granted(x.j.state);
  c.poison += s.next.error_code == "undeliverable";
  c.graves += s.next.error_code == "poison";
  c.preempted += is_preempted(s);
  c.accrued += is_terminal(s.next.state) && accrued_total(s.next) > 0 && s.next.cost > accrued_total(s.next);
  c.spent += s.next.state == job_state::dead && s.next.attempts == s.next.max_attempts;
}

/// The twin believes what the machine believes, and stands where it stands.
std::string differs(life& x, const any_job_input& input, const step& s) {
  auto due = x.at >= x.j.run_at_ms;
  auto believed = std::visit([&](const auto& i) { return told(x.twin, i, due); }, input);
  if (believed != (s.why == errc::ok)) return believed ? "refused, the twin believed it" : "believed, the twin did not";
  const auto& j = believed ? s.next : x.j;
  if (x.twin.at != place_of(j.state)) return "the twin stands elsewhere";
  if (x.twin.grants != j.lease_epoch) return "the twin counted other grants";
  if (x.twin.budget != j.max_attempts) return "the twin has another budget";
  if (x.twin.starts != j.attempts) return "the twin counted other starts";
  if (x.twin.done != (j.state == job_state::succeeded)) return "the twin had another end";
  return "";
}

bool has_a_way_out(const life& x) {
  for (const auto& input : all_inputs(x.j.lease_epoch)) {
    auto s = advance(x.j, input, x.at + 100'000);
    if (s.why == errc::ok && s.next.state != x.j.state) return true;
  }
  return false;
}

void walk_one_step(life& x, counters& c, random_source& random) {
  auto input = next_input(x, random);
  CAPTURE(x.j.state);
  CAPTURE(input.index());
  auto s = advance(x.j, input, x.at, pick(random, 1'000'001));
  REQUIRE(broken_law(x.j, input, s, x.at) == "");
  REQUIRE(differs(x, input, s) == "");
  count(c, x, s);
  if (s.why == errc::ok) record(x, s, random);
  REQUIRE(broken_history(x) == "");
  REQUIRE(has_a_way_out(x) == !is_terminal(x.j.state));
  x.at += pick(random, 1'500);
}

counters walk(uint64_t seed, int steps) {
  INFO("TROUPE_TEST_SEED=" << seed);
  random_source random(seed);
  counters c;
  auto x = new_life(random);
  for (int after_the_end = 0; steps > 0; --steps) {
    INFO("steps left: " << steps);
    walk_one_step(x, c, random);
    if (!is_terminal(x.j.state) || ++after_the_end < 12) continue;  // the dead are written to for a while
    x = new_life(random);
    after_the_end = 0;
    ++c.lives;
  }
  return c;
}

uint64_t new_seed() {
  if (auto* text = std::getenv("TROUPE_TEST_SEED")) return std::strtoull(text, nullptr, 10);
  return std::random_device{}();
}

}  // namespace

TEST_CASE("whatever zombie nodes say, a job is paid once and ends once") {
  auto seed = new_seed();
  MESSAGE("TROUPE_TEST_SEED=" << seed);
  walk(seed, 100'000);
}

TEST_CASE("a known walk meets every state, late winners, poison and spent budgets") {
  auto c = walk(1, 100'000);
  CHECK(c.lives > 1'000);
  CHECK(c.stale > 1'000);
  CHECK(c.late_wins > 50);
  CHECK(c.poison > 20);
  CHECK(c.spent > 50);
  CHECK(c.graves > 0);
  CHECK(c.preempted > 200);
  CHECK(c.accrued > 20);
  for (auto state :
       {job_state::queued, job_state::leased, job_state::running, job_state::retry_wait, job_state::cancelling,
        job_state::succeeded, job_state::failed, job_state::cancelled, job_state::dead}) {
    CAPTURE(state);
    CHECK(c.seen[static_cast<size_t>(state)] > 50);
  }
}
