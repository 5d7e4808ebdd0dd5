// The database goes away and comes back: requests are refused, nothing is lost, and everything goes on by itself.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

run_report ran(int64_t ms) { return fake_agent::done(run_outcome::succeeded, ms); }

errc refusal(outcome<commit_results> answer) {
  auto* bad = std::get_if<failure>(&answer);
  return bad == nullptr ? errc::ok : bad->code;
}

}  // namespace

TEST_CASE("while the database takes no writes, submits are refused as unavailable and leave no trace") {
  house_world w;
  w.faults.writes_away = true;
  auto e = w.entry();
  CHECK(refusal(w.ask(w.actors().wallets.get(), submit_jobs{house_world::user, {e}})) == errc::unavailable);
  CHECK(w.must(w.actors().ledger.get(), get_health{}).degraded);
  CHECK_FALSE(w.reader().find_job(e.insert.row.id));
  w.faults.writes_away = false;
  CHECK(refusal(w.ask(w.actors().wallets.get(), submit_jobs{house_world::user, {e}})) == errc::ok);
  CHECK_FALSE(w.must(w.actors().ledger.get(), get_health{}).degraded);
  CHECK(w.balance(house_world::user).held == 262'500'000);
  w.books_are_right();
}

TEST_CASE("an outage in the middle of everything loses nothing") {
  house_world w;
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  auto ends = w.submit(), starts = w.submit(), waits = w.submit();
  auto ending = a.start(ends);
  w.faults.writes_away = true;
  a.held.insert(a.lease(starts));
  a.say({a.session, {a.lease(starts)}, {{a.lease(starts), 500'000, ""}}, {{ending, ran(0)}}, {}});
  for (int i = 0; i < 10; ++i) {
    w.pass(3'000);
    a.say({a.session, {}, {}, {{ending, ran(0)}}, {}});
  }
  CHECK(a.told->stored.empty());
  CHECK(w.state(ends) == job_state::running);
  w.faults.writes_away = false;
  w.pass(2'000);
  CHECK(w.state(ends) == job_state::succeeded);
  CHECK(a.told->stored == std::vector{ending});
  CHECK(w.state(starts) == job_state::running);
  REQUIRE(w.pass_until([&] { return a.has_order(waits); }, 20'000));
  a.finish(a.lease(starts), ran(0));
  a.finish(a.start(waits), ran(0));
  for (auto& id : {ends, starts, waits}) CHECK(w.row(id).attempts == 1);
  for (auto& id : {ends, starts, waits}) CHECK(w.state(id) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("while the database is away a job does not ask for it without end") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  int asked = 0;
  w.faults.on_find_job = [&](const std::string&) { ++asked; };
  w.faults.writes_away = true;
  a.finish(lease, ran(0));
  w.pass(10'000);
  CHECK(asked < 30);
}

TEST_CASE("a cancel while the database is away is refused as unavailable and can be said again") {
  house_world w;
  auto id = w.submit();
  w.faults.writes_away = true;
  auto answer = w.ask(w.actors().jobs.get(), cancel_job{id, house_world::user});
  REQUIRE(std::holds_alternative<failure>(answer));
  CHECK(std::get<failure>(answer).code == errc::unavailable);
  w.faults.writes_away = false;
  CHECK(w.must(w.actors().jobs.get(), cancel_job{id, house_world::user}).row.state == job_state::cancelled);
  w.books_are_right();
}

TEST_CASE("without readable data nothing is decided, and afterwards everything is") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  w.faults.reads_away = w.faults.writes_away = true;
  a.finish(lease, ran(0));
  w.pass(8'000);
  auto answer = w.ask(w.actors().jobs.get(), cancel_job{id, house_world::user});
  REQUIRE(std::holds_alternative<failure>(answer));
  CHECK(std::get<failure>(answer).code == errc::unavailable);
  w.faults.reads_away = w.faults.writes_away = false;
  w.pass(4'000);
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(w.gave_up.empty());
  w.books_are_right();
}

TEST_CASE("a claim whose commit was durable but not confirmed is carried out, not forgotten") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto e = w.entry();
  w.faults.on_apply = [&](const change& c) {
    w.faults.forget_answers = c.moves && c.moves->next.state == job_state::leased && w.faults.commits < 100;
    if (w.faults.forget_answers) w.faults.commits = 100;
  };
  w.must(w.actors().wallets.get(), submit_jobs{house_world::user, {e}});
  auto id = e.insert.row.id;
  w.faults.forget_answers = false;
  REQUIRE(w.pass_until([&] { return a.has_order(id); }, 10'000));
  CHECK(w.row(id).deliveries == 1);
  auto next = w.submit();
  w.pass(8'000);
  CHECK_FALSE(a.has_order(next));  // its slot is taken
  a.finish(a.start(id), ran(0));
  a.finish(a.start(next), ran(0));
  CHECK(w.state(id) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("a finish that was durable but not confirmed is paid once and acknowledged") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  w.pass(4'000);
  w.faults.forget_answers = true;
  a.finish(lease, ran(3'600));
  w.faults.forget_answers = false;
  w.pass(2'000);
  CHECK(a.told->stored == std::vector{lease});
  CHECK(w.row(id).cost == 262'500);
  CHECK(w.income(house_world::provider) == 250'000);
  w.books_are_right();
}

TEST_CASE("a node cannot join while the database is away, and can afterwards") {
  house_world w;
  fake_agent a{w, "a"};
  w.faults.writes_away = true;
  CHECK_FALSE(a.join());
  CHECK(a.refused.code == errc::unavailable);
  w.faults.writes_away = false;
  CHECK(a.join());
}
