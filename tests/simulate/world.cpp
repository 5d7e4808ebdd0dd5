// Groups of commands, and the ways in which a group is lost.
#include "tests/simulate/world.hpp"

#include <algorithm>

#include "actors/job_change.hpp"
#include "tests/simulate/commands.hpp"

namespace simulate {

namespace in = troupe::job_input;

namespace {

constexpr size_t history_max = 40;
constexpr size_t post_max = 600;
constexpr size_t said_max = 300;
constexpr size_t old_rows_max = 100;
constexpr size_t lately_max = 60;
constexpr size_t jobs_max = 150;

template <class List>
void keep_newest(List& list, size_t most) {
  if (list.size() > most) list.erase(list.begin(), list.begin() + static_cast<std::ptrdiff_t>(list.size() - most / 2));
}

}  // namespace

world::world(uint64_t seed, const std::filesystem::path& folder, std::string uri, counters& c)
    : random{seed}, count{c}, db_{folder, std::move(uri)} {
  auto n = random.between(1, 4);
  for (int i = 0; i < n; ++i) {
    auto id = std::to_string(i);
    machines.push_back({"node_" + id, "prov_" + std::to_string(i / 2), static_cast<int>(random.between(1, 12)), 0});
  }
  count.worlds += 1;
}

troupe::change_result world::apply(const troupe::change& c) {
  count.changes += 1;
  if (random.one_in(4)) lately_.push_back(c);
  return db_.apply(c, now);
}

/// The store may read ahead what it is told will come. It is told something else: what came lately, which is about the
/// same accounts, holds and jobs.
void world::begin() {
  std::vector<const troupe::change*> coming;
  if (random.one_in(2))
    for (auto& c : lately_)
      if (random.one_in(3)) coming.push_back(&c);
  db_.begin(coming);
}

void world::say(std::string what) {
  history_.push_back("step " + std::to_string(step_) + ": " + std::move(what));
  if (history_.size() > history_max) history_.pop_front();
}

void world::agree(const troupe::change_result& real, const naive_answer& due) {
  if (real.why != due.why)
    throw broken{"the store said " + to_string(real.why) + " (" + real.detail + "), the twin " + to_string(due.why)};
  if (due.why != errc::ok && due.why != errc::insufficient_funds) return;
  if (due.why == errc::ok && due.balance == 0 && due.available == 0) return;
  auto same = real.required == due.required && real.available == due.available && real.balance == due.balance;
  if (!same)
    throw broken{"the answer names other sums than the twin: required " + std::to_string(real.required) + "/" +
                 std::to_string(due.required) + ", available " + std::to_string(real.available) + "/" +
                 std::to_string(due.available)};
}

const troupe::job& world::row_of(const std::string& job_id) {
  auto known = memories.find(job_id);
  if (known != memories.end()) return known->second;
  auto view = db_.reader().find_job(job_id);
  if (!view) throw broken{"job " + job_id + " is not there"};
  return memories[job_id] = view->row;
}

void world::tell(const std::string& job_id, const troupe::any_job_input& input) {
  auto before = row_of(job_id);
  auto s = troupe::advance(before, input, now, static_cast<int32_t>(random.below(1'000'001)));
  auto& naive_one = naive.jobs.at(job_id);
  auto as_it_was = naive_one;
  auto due = naive_one.hear(input, now);
  if (s.why != errc::ok) {
    expect(!due.believed, "the machine refused what the twin believed");
    return meet("a message that changed nothing");
  }
  expect(due.believed, "the machine believed what the twin did not");
  auto* f = std::get_if<in::finish>(&input);
  auto answer = apply(troupe::change_of(before, {}, s, f ? f->report : troupe::run_report{}, now));
  auto said = naive_answer{};
  if (due.grows > 0) said = naive.books.extend({naive_one.hold_id, job_id, next_step(as_it_was), due.grows});
  agree(answer, said);
  if (said.why != errc::ok) {  // no money for more time: the actor has it stopped
    naive_one = as_it_was;
    meet("a hold that could not grow");
    return tell(job_id, in::funds{before.lease_epoch, "no money"});
  }
  if (due.grows > 0) meet("a hold that grew");
  if (due.ends) settle(naive_one, before.provider_user, {due.subtotal, due.fee});
  if (!due.told.empty())
    naive.events[naive_one.user].push_back({job_id, due.told, naive_one.cost, naive_one.at == spot::over});
  if (due.ends) tell_children(naive_one);
  if (naive_one.at == spot::parked && naive_one.pausing) {
    expect(s.next.run_at_ms > now && s.next.run_at_ms <= now + 90'000, "a retry waits without end");
    naive_one.due_ms = s.next.run_at_ms;
  }
  fresh.owners.insert({naive_one.user, before.provider_user, "platform"});
  for (auto& [provider, x] : naive_one.owed) fresh.owners.insert(provider);
  after_step(before, s.next, s);
}

void world::tell_children(const naive_job& parent) {
  for (auto& [id, j] : naive.jobs)
    if (j.at == spot::blocked && j.parents.erase(parent.id) == 1 && parent.end != ending::won)
      j.missed.insert(parent.id);
}

void world::settle(const naive_job& j, const std::string& provider, troupe::settlement paid) {
  troupe::hold_close c{j.hold_id, j.id, {provider, troupe::account_kind::earned, j.currency}, paid};
  for (auto& who : j.creditors) {
    auto& x = j.owed.at(who);
    c.paid.fee += x.second;
    if (x.first > 0) c.also.push_back({{who, troupe::account_kind::earned, j.currency}, x.first});
  }
  auto answer = naive.books.capture(c, now);
  expect(answer.why == errc::ok, "the twin cannot pay what it thinks is due");
}

void world::after_step(const troupe::job& before, const troupe::job& next, const troupe::step& s) {
  auto machine_of = [&](const std::string& id) {
    return std::find_if(machines.begin(), machines.end(), [&](auto& m) { return m.id == id; });
  };
  if (s.vacates) machine_of(before.node_id)->used -= 1;
  if (s.attempt == troupe::attempt_outcome::open) {
    machine_of(next.node_id)->used += 1;
    write_letters(next);
  }
  if (troupe::is_terminal(next.state)) meet_end(before, next);
  fresh.jobs.insert(next.id);
  if (random.one_in(8)) fresh.old_rows.push_back(before);
  memories[next.id] = next;
}

void world::meet_end(const troupe::job& before, const troupe::job& end) {
  using troupe::job_state;
  meet("a job " + std::string{to_string(end.state)});
  if (end.cost > 0) meet("a job paid");
  auto late = is_waiting(before.state);
  if (late && end.state == job_state::succeeded) meet("a late finisher paid");
  if (before.state == job_state::cancelling && end.state == job_state::succeeded) meet("a cancel too late");
  if (before.state == job_state::cancelling && end.cost > 0) meet("a cancelled run paid");
  if (!end.rare.accrued.empty()) meet("a preempted run paid");
  if (end.rare.accrued.size() > 1) meet("several preempted runs paid");
  if (end.error_code == "poison") meet("a job that was its nodes' end");
  if (end.error_code == "undeliverable") meet("a job that no node would start");
  if (end.cost > 0 && end.cost == end.hold) meet("a hold used up");
}

/// What the node will say of the grant, sooner or later, and some of it more than once.
void world::write_letters(const troupe::job& j) {
  using troupe::run_outcome;
  auto e = j.lease_epoch;
  auto write = [&](troupe::any_job_input what) { fresh.post.push_back({j.id, std::move(what)}); };
  auto vain = unwanted.count(j.id) > 0;
  if (vain || random.one_in(6)) write(in::reject{e, !vain && random.one_in(3)});
  if (vain || random.one_in(10)) return;
  write(in::start{e});
  if (deadly.count(j.id) > 0) return;
  for (auto n = random.below(3); n > 0; --n) write(in::progress{e, static_cast<int32_t>(random.below(1'200'000)), ""});
  static const std::vector<run_outcome> outcomes{
      run_outcome::succeeded, run_outcome::succeeded, run_outcome::failed,   run_outcome::node_fault,
      run_outcome::cancelled, run_outcome::preempted, run_outcome::preempted};
  for (auto n = random.one_in(6) ? 0 : random.between(1, 3); n > 0; --n) {
    in::finish f;
    f.epoch = e;
    auto goes_on = wandering.count(j.id) > 0 && !random.one_in(4);
    f.report.outcome = goes_on ? run_outcome::preempted : random.of(outcomes);
    f.report.ran_ms = random.one_in(20) ? random.any_size(18) : random.any_size(5) - random.below(20);
    f.report.prompt_tokens = random.any_size(random.one_in(20) ? 18 : 5) - random.below(5);
    f.report.completion_tokens = random.any_size(random.one_in(20) ? 18 : 5) - random.below(5);
    f.report.cached_tokens = random.any_size(4) - random.below(5);
    f.report.error_code = f.report.outcome == run_outcome::failed ? "exit_code" : "";
    f.node_id = random.one_in(12) ? "node_x" : j.node_id;
    f.checkpoint_bytes = random.below(2);
    write(std::move(f));
  }
}

world::fate world::draw_fate() {
  auto n = random.below(200);
  if (n < 3) return fate::rolled_back;
  if (n < 6) return fate::died_before;
  if (n < 8) return fate::power_before;
  if (n < 11) return fate::died_after;
  return n < 13 ? fate::power_after : fate::committed;
}

/// Dies after any number of its commands: a lost group is one that would have gone on.
void world::group(int64_t size) {
  auto how = draw_fate();
  auto is_lost = how == fate::rolled_back || how == fate::died_before || how == fate::power_before;
  auto before = is_lost ? naive : twin{};
  begin();
  for (int64_t i = 0; i < size; ++i) {
    ++step_;
    ++count.steps;
    now += random.below(1'500);
    run_random_command(*this);
  }
  if (!is_lost) db_.commit();
  count.groups += 1;
  static const char* const words[] = {"a group committed",       "a group rolled back",
                                      "a death before a commit", "a power cut before a commit",
                                      "a death after a commit",  "a power cut after a commit"};
  meet(words[static_cast<int>(how)]);
  end_group(how, before);
}

void world::end_group(fate how, const twin& before) {
  auto torn = random.any_size(4);
  switch (how) {
    case fate::rolled_back: db_.rollback(); break;
    case fate::died_before:
    case fate::died_after: db_.die_and_return(); break;
    case fate::power_before:
    case fate::power_after: db_.lose_power(torn); break;
    case fate::committed: break;
  }
  if (how == fate::committed || how == fate::died_after || how == fate::power_after) {
    keep_group();
  } else {
    say("the group is lost");
    naive = before;
    forget_group();
  }
  if (how == fate::committed) return check_touched();
  say("a new life begins");
  wake_up();
  check_all();
}

void world::keep_group() {
  for (auto& x : fresh.post) post.push_back(std::move(x));
  for (auto& x : fresh.old_rows) old_rows.push_back(std::move(x));
  for (auto& x : fresh.new_jobs) jobs.push_back(std::move(x));
  fresh.post.clear();
  fresh.old_rows.clear();
  for (auto& x : fresh.new_tabs) tabs.push_back(std::move(x));
  fresh.new_jobs.clear();
  fresh.new_tabs.clear();
}

void world::forget_group() { fresh = {}; }

/// The actors of the new life know nothing; the dispatcher counts what the store says is granted.
void world::wake_up() {
  memories.clear();
  for (auto& m : machines) m.used = 0;
  for (auto& [id, j] : naive.jobs)
    for (auto& m : machines) m.used += has_node(j.at) && j.node == m.id;
}

/// Forgets old messages, so that a world costs no more as it grows older.
void world::tidy() {
  keep_newest(post, post_max);
  keep_newest(said, said_max);
  keep_newest(old_rows, old_rows_max);
  keep_newest(lately_, lately_max);
  keep_newest(payments, said_max);
  keep_newest(matured, said_max);
  auto is_closed = [&](const std::string& id) { return !naive.books.holds().at("hold_" + id).open; };
  tabs.erase(std::remove_if(tabs.begin(), tabs.end(), is_closed), tabs.end());
  if (jobs.size() <= jobs_max) return;
  auto is_over = [&](const std::string& id) { return naive.jobs.at(id).at == spot::over; };
  for (auto& id : jobs)
    if (is_over(id)) memories.erase(id);
  jobs.erase(std::remove_if(jobs.begin(), jobs.end(), is_over), jobs.end());
}

void world::run(int64_t steps) {
  constexpr int64_t groups_per_look = 60, groups_per_audit = 300;
  for (int64_t groups = 1; step_ < steps; ++groups) {
    group(std::min(steps - step_, random.one_in(10) ? random.between(1, 200) : random.between(1, 16)));
    if (groups % groups_per_look == 0) check_all();
    if (groups % groups_per_audit == 0) audit();
    tidy();
  }
  finish();
}

/// No job can sit anywhere for ever: with no word from any node, time and the gateway alone bring each to its end.
void world::finish_job(const std::string& id) {
  constexpr int rounds_max = 200;
  for (int i = 0; i < rounds_max; ++i) {
    auto& j = naive.jobs.at(id);
    auto row = row_of(id);
    switch (j.at) {
      case spot::over: return;
      case spot::blocked: tell(id, in::cancel{}); break;
      case spot::parked:
        now = std::max(now, j.due_ms);
        tell(id, in::due{});
        break;
      case spot::waiting:
        if (row.expires_ms > 0 && now >= row.expires_ms)
          tell(id, in::expire{});
        else
          tell(id, in::claim{machines[0].id, 1, machines[0].owner, 1'000});
        break;
      case spot::offered:
        tell(id, random.one_in(2) ? troupe::any_job_input{in::start{row.lease_epoch}} : in::lost{row.lease_epoch});
        break;
      case spot::busy: tell(id, in::deadline{row.lease_epoch}); break;
      case spot::stopping: tell(id, in::grace_over{row.lease_epoch}); break;
    }
  }
  throw broken{"job " + id + " never ends"};
}

void world::finish() {
  say("the end of the world: every job is brought to its end");
  begin();
  for (auto& [id, j] : naive.jobs)
    if (j.at != spot::over) finish_job(id);
  for (auto& id : tabs) close_tab(*this, id);
  db_.commit();
  keep_group();
  check_all();
  for (auto& [key, x] : naive.books.purses()) expect(x.held == 0, "money is held for nothing");
  audit();
}

}  // namespace simulate
