// One job through the real cast: claimed, started, finished, cancelled; paid once whatever is said twice.
#include "tests/support/fake_agent.hpp"

using namespace troupe;
using kinds = std::vector<std::string>;

TEST_CASE("a submitted job is claimed, started, finished and paid once") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  CHECK(w.state(id) == job_state::leased);
  CHECK(w.balance(house_world::user).held == 262'500'000);
  auto lease = n.start(id);
  CHECK(w.state(id) == job_state::running);
  w.pass(6'000);
  n.say({n.session, {}, {{lease, 420'000, "nearly half"}}, {}, {}});
  n.finish(lease, fake_agent::done(run_outcome::succeeded, 3'600));
  auto j = w.row(id);
  CHECK(j.state == job_state::succeeded);
  CHECK(j.cost == 262'500);  // 3.6 s at 0.25 an hour and 5 % on top
  CHECK(w.income(house_world::provider) == 250'000);
  CHECK(w.balance(house_world::user).balance == 100 * one - 262'500);
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(w.events(id) == kinds{"queued", "started", "progress", "completed"});
  CHECK(n.told->stored == std::vector{lease});
  w.books_are_right();
}

TEST_CASE("the same finish twice is acknowledged twice and paid once") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.start(id);
  w.pass(1'000);
  n.finish(lease, fake_agent::done(run_outcome::succeeded, 1'000));
  auto paid = w.balance(house_world::user).balance;
  n.finish(lease, fake_agent::done(run_outcome::succeeded, 1'000));
  w.pass(1'000);
  n.finish(lease, fake_agent::done(run_outcome::failed, 900));
  CHECK(n.told->stored == std::vector{lease, lease, lease});
  CHECK(n.told->stale.empty());
  CHECK(w.balance(house_world::user).balance == paid);
  CHECK(w.state(id) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("two finishes in one report are paid once") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.start(id);
  auto report = fake_agent::done(run_outcome::succeeded);
  n.say({n.session, {}, {}, {{lease, report}, {lease, report}}, {}});
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(n.told->stored.size() == 2);
  CHECK(w.events(id) == kinds{"queued", "started", "completed"});
  w.books_are_right();
}

TEST_CASE("a stale epoch changes nothing and is acknowledged as stale") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.start(id);
  auto before = w.row(id);
  auto old = lease_ref{id, lease.epoch - 1};
  n.say({n.session, {old}, {{old, 900'000, ""}}, {{old, fake_agent::done(run_outcome::succeeded)}}, {old}});
  CHECK(n.told->stale == std::vector{old});
  CHECK(w.row(id) == before);
}

TEST_CASE("a report of an unknown job is acknowledged as stale") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  lease_ref nobody{"job_unknown", 1};
  n.finish(nobody);
  CHECK(n.told->stale == std::vector{nobody});
}

TEST_CASE("a report under another session is not heard") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  n.say({n.session - 1, {n.lease(id)}, {}, {{n.lease(id), fake_agent::done(run_outcome::succeeded)}}, {}});
  CHECK(w.state(id) == job_state::leased);
  CHECK(n.told->stored.empty());
}

TEST_CASE("a queued job is cancelled at once and its money is free") {
  house_world w;
  auto id = w.submit();
  auto view = w.must(w.actors().jobs.get(), cancel_job{id, house_world::user});
  CHECK(view.row.state == job_state::cancelled);
  CHECK(w.balance(house_world::user).held == 0);
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  w.pass(6'000);
  CHECK_FALSE(n.has_order(id));
  w.books_are_right();
}

TEST_CASE("a leased job is cancelled at once and the node is told to stop") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.lease(id);
  auto view = w.must(w.actors().jobs.get(), cancel_job{id, house_world::user});
  CHECK(view.row.state == job_state::cancelled);
  CHECK(n.told->stops == std::vector{lease});
  n.finish(lease);
  CHECK(n.told->stale == std::vector{lease});
  CHECK(w.balance(house_world::user).balance == 100 * one);
  w.books_are_right();
}

TEST_CASE("a running job is cancelled when the node says so, and the time used is paid") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.start(id);
  w.pass(4'000);
  auto view = w.must(w.actors().jobs.get(), cancel_job{id, house_world::user});
  CHECK(view.row.state == job_state::cancelling);
  CHECK(n.told->stops == std::vector{lease});
  n.finish(lease, fake_agent::done(run_outcome::cancelled, 3'600));
  CHECK(w.state(id) == job_state::cancelled);
  CHECK(w.row(id).cost == 262'500);
  CHECK(w.balance(house_world::user).held == 0);
  w.books_are_right();
}

TEST_CASE("a node that does not obey a cancel loses the job when the grace is over") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.start(id);
  w.must(w.actors().jobs.get(), cancel_job{id, house_world::user});
  w.pass(limits::cancel_grace_ms - 200);
  CHECK(w.state(id) == job_state::cancelling);
  w.pass(400);
  CHECK(w.state(id) == job_state::cancelled);
  n.finish(lease);
  CHECK(n.told->stale == std::vector{lease});
  CHECK(w.balance(house_world::user).balance == 100 * one);
  w.books_are_right();
}

TEST_CASE("a stranger cannot cancel and does not learn whether the job exists") {
  house_world w;
  auto id = w.submit();
  auto answer = w.ask(w.actors().jobs.get(), cancel_job{id, "user_mallory"});
  REQUIRE(std::holds_alternative<failure>(answer));
  CHECK(std::get<failure>(answer).code == errc::not_found);
  CHECK(w.state(id) == job_state::queued);
}

TEST_CASE("cancelling an ended job is a conflict that names how it ended") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  n.finish(n.start(id));
  auto answer = w.ask(w.actors().jobs.get(), cancel_job{id, house_world::user});
  REQUIRE(std::holds_alternative<failure>(answer));
  CHECK(std::get<failure>(answer).code == errc::conflict);
  CHECK(std::get<failure>(answer).detail.find("completed") != std::string::npos);
}

TEST_CASE("who awaits a job is answered when it ends, by all who ask") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  std::vector<job_state> seen;
  for (int i = 0; i < 3; ++i)
    exchange(w.h(), w.actors().jobs.get(), await_job{id, house_world::user}, std::chrono::minutes{1},
             [&](outcome<job_view> x) { seen.push_back(std::get<job_view>(x).row.state); });
  w.run();
  auto lease = n.start(id);
  CHECK(seen.empty());
  n.finish(lease);
  CHECK(seen == std::vector(3, job_state::succeeded));
}

TEST_CASE("an attempt that outlives its timeout is taken from the node") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto s = house_world::noop();
  s.spec.timeout_ms = 2'000;
  s.max_attempts = 1;
  auto id = w.submit(s);
  auto lease = n.start(id);
  w.pass(33'000);
  CHECK(w.state(id) == job_state::dead);
  CHECK(w.row(id).error_code == "timeout");
  CHECK(n.told->stops == std::vector{lease});
  w.books_are_right();
}

TEST_CASE("a job with a time of its own waits for it") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto s = house_world::noop();
  s.run_at_ms = w.wall + 8'000;
  auto id = w.submit(s);
  CHECK(w.state(id) == job_state::scheduled);
  w.pass(7'800);
  CHECK_FALSE(n.has_order(id));
  w.pass(400);
  CHECK(n.has_order(id));
}

TEST_CASE("a wallet that can pay for three takes exactly three, and says what is missing") {
  house_world w;
  auto rich = w.balance(house_world::user).balance;
  submit_jobs all{house_world::user, {}};
  auto s = house_world::noop();
  s.rate_max = 30 * one;  // 31.5 an hour with the fee: three of them in 100
  for (int i = 0; i < 10; ++i) all.jobs.push_back(w.entry(s));
  auto done = w.must(w.actors().wallets.get(), all);
  int accepted = 0;
  for (auto& r : done.results) {
    accepted += r.why == errc::ok;
    if (r.why == errc::ok) continue;
    CHECK(r.why == errc::insufficient_funds);
    CHECK(r.required == 31'500'000'000);
    CHECK(r.available == rich - 3 * 31'500'000'000);
  }
  CHECK(accepted == 3);
  CHECK(w.balance(house_world::user).held == 3 * 31'500'000'000);
  w.books_are_right();
}
