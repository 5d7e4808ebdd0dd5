// What must hold after every group: the store says what the twin says, and the invariants of the books and of jobs.
#include <algorithm>

#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

spot spot_of(troupe::job_state s) {
  using troupe::job_state;
  switch (s) {
    case job_state::blocked: return spot::blocked;
    case job_state::queued: return spot::waiting;
    case job_state::scheduled:
    case job_state::retry_wait: return spot::parked;
    case job_state::leased: return spot::offered;
    case job_state::running: return spot::busy;
    case job_state::cancelling: return spot::stopping;
    default: return spot::over;
  }
}

ending ending_of(troupe::job_state s) {
  using troupe::job_state;
  switch (s) {
    case job_state::succeeded: return ending::won;
    case job_state::failed: return ending::failed;
    case job_state::cancelled: return ending::cancelled;
    case job_state::dead: return ending::dead;
    case job_state::expired: return ending::expired;
    default: return ending::none;
  }
}

std::string difference(const troupe::job& j, const naive_job& n) {
  if (spot_of(j.state) != n.at || ending_of(j.state) != n.end) return "stands elsewhere than its twin";
  if (j.version != n.writes) return "was written more or less often than its twin";
  if (j.lease_epoch != n.grants) return "counts other grants than its twin";
  if (j.attempts != n.starts || j.deliveries != n.vain) return "counts other starts than its twin";
  if (j.cost != n.cost) return "cost " + std::to_string(j.cost) + ", its twin " + std::to_string(n.cost);
  if (j.hold != n.hold || j.hold_id != n.hold_id || j.currency != n.currency) return "has another hold than its twin";
  if (j.node_id != n.node || j.provider_user != n.provider || j.node_rate != n.rate) return "has another node";
  if (j.priority != n.priority || j.expires_ms != n.expires_ms) return "has other terms than its twin";
  if (j.progress_ppm != n.progress) return "progressed otherwise than its twin";
  if (j.max_attempts != n.budget) return "has another budget than its twin";
  if (j.rare.checkpoint_epoch != n.kept) return "has another checkpoint than its twin";
  if (accrued_total(j) != n.owed_in_all() || j.rare.accrued.size() != n.owed.size()) return "owes other sums";
  for (auto& x : j.rare.accrued)
    if (!n.owed.count(x.provider_user) || n.owed.at(x.provider_user) != std::pair{x.subtotal, x.fee})
      return "owes others than its twin";
  return {};
}

std::string purse_difference(const troupe::balance_row& r, const purse& due) {
  return r.account.owner + " " + std::to_string(static_cast<int>(r.account.kind)) + " " +
         std::string{troupe::to_string(r.account.currency)} + " has " + std::to_string(r.balance) + ", of it held " +
         std::to_string(r.held) + "; its twin " + std::to_string(due.balance) + ", " + std::to_string(due.held);
}

}  // namespace

void world::check_purses(const std::string& owner) {
  auto rows = db_.reader().balances(owner);
  size_t met = 0;
  int64_t entries = 0;
  for (auto& r : rows) {
    auto due = naive.books.at(r.account);
    if (r.balance != due.balance || r.held != due.held) throw broken{purse_difference(r, due)};
    auto guarded = r.account.kind != troupe::account_kind::issuance;
    expect(!guarded || (r.held >= 0 && r.balance >= r.held), "an account is overdrawn");
    met += naive.books.purses().count(key_of(r.account));
  }
  auto first = naive.books.purses().lower_bound({owner, 0, 0});
  size_t due = 0;
  for (auto it = first; it != naive.books.purses().end() && std::get<0>(it->first) == owner; ++it) {
    due += it->second.balance != 0 || it->second.held != 0 || it->second.rows > 0;
    entries += it->second.rows;
  }
  if (met < due) throw broken{"an account of " + owner + " is missing"};
  if (db_.reader().count_transactions(owner) != entries)
    throw broken{"the history of " + owner + " is longer or shorter than its twin's"};
}

void world::check_job(const std::string& id) {
  auto view = db_.reader().find_job(id);
  if (!view) throw broken{"job " + id + " is gone"};
  auto& due = naive.jobs.at(id);
  auto why = difference(view->row, due);
  if (!why.empty()) throw broken{"job " + id + " " + why};
  expect(view->result.has_value() == due.has_result, "a job has a result and should not, or the reverse");
  auto known = memories.find(id);
  expect(known == memories.end() || known->second == view->row, "a job is not what its actor remembers");
}

/// A subscriber who resumes sees every event once, in order, and one end of each job.
void world::check_events(const std::string& user) {
  auto& [seq, seen] = events_seen_[user];
  auto& due = naive.events[user];
  auto list = db_.reader().events_after(user, "", seq, 10'000);
  expect(seen + list.size() == due.size(), "a user was told more or less than the twin says");
  for (auto& e : list) {
    auto& d = due[seen++];
    expect(e.seq > seq, "the events of a user are out of order");
    seq = e.seq;
    auto same = e.job_id == d.job_id && e.kind == d.kind && e.terminal == d.last && (!d.last || e.value == d.value);
    if (!same)
      throw broken{user + " was told '" + e.kind + "' of " + e.job_id + ", not '" + d.kind + "' of " + d.job_id};
  }
}

void world::check_slots() {
  std::map<std::string, int> used;
  for (auto& [id, j] : naive.jobs)
    if (has_node(j.at)) ++used[j.node];
  for (auto& m : machines) {
    expect(m.used == used[m.id], "a node has other slots in use than its jobs");
    expect(m.used >= 0 && m.used <= m.slots, "a node is used beyond its slots");
  }
}

/// What is committed under each ceiling, and what may mature by now.
void world::check_ceilings() {
  for (auto& [key, due] : naive.books.committed()) {
    auto& [scope, period, currency] = key;
    auto real = db_.reader().books().committed(scope, period, currency);
    expect(real == due, "what is committed under a ceiling is not what the twin says");
  }
  int64_t due = 0;
  for (auto& [key, value] : naive.books.buckets()) due += std::get<2>(key) <= now / 1'000;
  auto list = db_.reader().books().due_earnings(now, 10'000);
  expect(std::ssize(list) == due, "other earnings are due than the twin says");
  for (auto& x : list) {
    auto found = naive.books.buckets().find({x.what.owner, x.what.currency, x.what.due_s});
    auto same = found != naive.books.buckets().end() && found->second == x.value;
    expect(same, "earnings that are due are not what the twin says");
  }
}

/// What the clock and the ends of parents have made ready, and nothing else.
void world::check_waiting() {
  constexpr int32_t all = 1'000'000;
  std::set<std::string> late, ready;
  for (auto& [id, j] : naive.jobs) {
    auto waits = j.at == spot::blocked || j.at == spot::parked || j.at == spot::waiting;
    if (waits && j.expires_ms > 0 && now >= j.expires_ms) late.insert(id);
    if (j.at == spot::blocked && (j.parents.empty() || !j.missed.empty())) ready.insert(id);
  }
  for (auto& id : db_.reader().waiting().expired_jobs(now, all))
    expect(late.erase(id) == 1, "a job is said to be late and is not");
  expect(late.empty(), "a job is late and nobody says so");
  for (auto& x : db_.reader().waiting().ready_children(all)) {
    expect(ready.erase(x.id) == 1, "a job may go on and still waits for others");
    auto& lost = naive.jobs.at(x.id).missed;
    expect(x.failed_parent.empty() ? lost.empty() : lost.count(x.failed_parent) == 1, "another parent failed");
  }
  expect(ready.empty(), "a job waits for nobody and nobody says so");
}

void world::check_touched() {
  for (auto& owner : fresh.owners) check_purses(owner);
  for (auto& id : fresh.jobs) check_job(id);
  fresh.owners.clear();
  fresh.jobs.clear();
}

/// Of the store itself, without the twin: nothing was made, nothing was lost.
void world::check_invariants() {
  std::set<std::string> owners;
  for (auto& [key, x] : naive.books.purses()) owners.insert(std::get<0>(key));
  std::map<troupe::asset, wide> sums;
  for (auto& owner : owners)
    for (auto& r : db_.reader().balances(owner)) sums[r.account.currency] += r.balance;
  for (auto& [currency, sum] : sums) expect(sum == 0, "all accounts of an asset do not add up to nothing");
  if (auto why = naive.books.broken_law(); !why.empty()) throw broken{why};
  for (auto& [id, j] : naive.jobs)
    expect(naive.books.holds().at(j.hold_id).open == (j.at != spot::over), "a hold outlives its job, or the reverse");
}

void world::check_all() {
  check_touched();
  std::set<std::string> owners;
  for (auto& [key, x] : naive.books.purses()) owners.insert(std::get<0>(key));
  for (auto& owner : owners) check_purses(owner);
  for (auto& id : jobs) check_job(id);
  for (auto& user : users) check_events(user);
  for (auto& [scope_key, due] : naive.answers) {
    auto found = db_.reader().find_idempotent(due.scope, due.key);
    expect(found && found->request_hash == due.request_hash && found->body == due.body, "a first answer was lost");
  }
  check_slots();
  check_waiting();
  check_ceilings();
  check_invariants();
}

void world::audit() {
  count.audits += 1;
  auto found = db_.verify();
  if (!found.breaches.empty()) throw broken{"the audit found: " + found.breaches[0]};
  expect(found.jobs == std::ssize(naive.jobs), "the audit counts other jobs than the twin");
  expect(found.holds == std::ssize(naive.books.holds()), "the audit counts other holds than the twin");
}

}  // namespace simulate
