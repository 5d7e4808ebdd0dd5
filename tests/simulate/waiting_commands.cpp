// What waits: jobs behind others, jobs that come too late, and jobs whose owners think again or pay once more.
#include "actors/job_change.hpp"
#include "tests/simulate/commands.hpp"
#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

namespace in = troupe::job_input;
using troupe::account_kind;
using troupe::change;

/// One for which `fits`, if there is any. Empty: there is none.
template <class Fits>
std::string job_that(world& w, Fits fits) {
  if (w.jobs.empty()) return {};
  auto from = static_cast<size_t>(w.random.below(std::ssize(w.jobs)));
  for (size_t i = 0; i < w.jobs.size(); ++i) {
    auto& id = w.jobs[(from + i) % w.jobs.size()];
    if (fits(w.naive.jobs.at(id))) return id;
  }
  return {};
}

/// The step of a new life, as the machine makes it, with the money that it takes.
change change_of_redrive(const troupe::job& before, const troupe::step& s, troupe::time_ms now) {
  auto c = troupe::change_of(before, {}, s, {}, now);
  auto& j = s.next;
  c.opens = troupe::hold_open{j.hold_id, j.id, {j.user_id, account_kind::available, j.currency}, j.hold};
  return c;
}

/// So that its owner has not enough for another life of it.
void spend_all(world& w, const naive_job& j) {
  troupe::account_key from{j.user, account_kind::available, j.currency};
  auto to = from;
  to.owner = w.random.of(w.users);
  auto free = w.naive.books.at(from).free();
  if (free < j.hold || free == 0 || to.owner == from.owner) return;
  change c;
  c.transfers.push_back({w.new_id("t_"), troupe::transfer_code::internal_transfer, from, to, free, "all of it"});
  w.say(j.user + " spends all, before a redrive of " + j.id);
  request(w, c);
}

void must_refuse(world& w, const change& c, const std::string& law) {
  if (w.apply(c).why == errc::ok) throw broken{"the store took " + law};
  w.meet("refused: " + law);
}

}  // namespace

void expire(world& w) {
  auto id = job_that(w, [](auto& j) { return j.expires_ms > 0 && j.at != spot::over; });
  if (id.empty()) return;
  if (w.random.one_in(2)) w.now += w.random.below(20'000);
  w.say(id + ": expire");
  w.tell(id, in::expire{});
}

void wake_children(world& w) {
  for (auto& x : w.ready_children()) {
    w.say(x.id + ": " + (x.failed_parent.empty() ? "its parents are done" : "lost " + x.failed_parent));
    if (!x.failed_parent.empty())
      w.tell(x.id, in::parent_failed{x.failed_parent});
    else
      w.tell(x.id, in::parents_done{});
    w.meet(x.failed_parent.empty() ? "a job behind its parents" : "a job without one of its parents");
  }
}

void amend(world& w) {
  auto id = job_that(w, [](auto& j) { return j.at == spot::waiting || j.at == spot::parked || j.at == spot::blocked; });
  if (id.empty()) return;
  in::amend x;
  if (w.random.one_in(2)) x.priority = static_cast<int32_t>(w.random.below(11));
  if (w.random.one_in(2)) x.run_at_ms = w.now + w.random.between(-5'000, 20'000);
  w.say(id + ": amend " + std::to_string(x.priority) + ", " + std::to_string(x.run_at_ms));
  w.tell(id, x);
}

/// The books are asked first, as the store does it; what they refuse leaves the job as it is.
void redrive(world& w) {
  auto id = job_that(w, [&](auto& j) { return j.end == ending::failed || j.end == ending::dead; });
  if (id.empty()) return;
  if (w.random.one_in(8)) spend_all(w, w.naive.jobs.at(id));
  auto before = w.row_of(id);
  auto& naive_one = w.naive.jobs.at(id);
  for (auto& parent : naive_one.all_parents)
    if (w.naive.jobs.at(parent).end != ending::won) return;
  in::redrive x{troupe::next_hold_id(before.hold_id)};
  auto s = troupe::advance(before, x, w.now);
  w.expect(s.why == errc::ok, "a job that failed cannot live again");
  auto c = change_of_redrive(before, s, w.now);
  w.say(id + ": redrive, hold " + x.hold_id);
  auto real = w.apply(c);
  w.touch(naive_one.user);
  if (real.why == errc::stale) {  // it ended in this very group: asked again later
    w.expect(w.fresh.jobs.count(id) > 0, "a redrive was called stale and is not");
    return;
  }
  auto due = w.naive.books.reserve(*c.opens);
  w.agree(real, due);
  w.meet("a redrive: " + to_string(due.why));
  if (due.why != errc::ok) return;
  auto told = naive_one.hear(x, w.now).told;
  w.naive.events[naive_one.user].push_back({id, told, 0, false});
  w.after_step(before, s.next, s);
}

/// Some actor believes that the parents are done.
void wake_badly(world& w) {
  auto id = job_that(w, [](auto& j) { return j.at == spot::blocked && !(j.parents.empty() && j.missed.empty()); });
  if (id.empty()) return;
  auto row = w.row_of(id);
  auto s = troupe::advance(row, in::parents_done{}, w.now);
  w.say(id + ": let go before its parents");
  w.touch(row.user_id);
  must_refuse(w, troupe::change_of(row, {}, s, {}, w.now), "a job that goes on without its parents");
}

/// Some actor believes that a job failed that did not.
void redrive_badly(world& w) {
  auto id = job_that(w, [](auto& j) { return j.end != ending::failed && j.end != ending::dead; });
  if (id.empty()) return;
  auto row = w.row_of(id);
  auto honest = troupe::advance(row, in::redrive{troupe::next_hold_id(row.hold_id)}, w.now);
  w.expect(honest.why != errc::ok, "what did not fail would live again");
  auto wrong = row;
  wrong.state = troupe::job_state::failed;
  auto s = troupe::advance(wrong, in::redrive{troupe::next_hold_id(row.hold_id)}, w.now);
  w.say(id + ": redriven, and it did not fail");
  w.touch(row.user_id);
  auto c = change_of_redrive(wrong, s, w.now);
  c.opens->value = 0;
  must_refuse(w, c, "a new life that is not due");
}

}  // namespace simulate
