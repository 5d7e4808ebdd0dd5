// Actors that crash are replaced and the work goes on; one that crashes again and again is given up, and nothing else.
#include "actors/entities.hpp"
#include "tests/support/fake_agent.hpp"
#include "tests/support/poisoned_ledger.hpp"

using namespace troupe;

namespace {

run_report ran(int64_t ms) { return fake_agent::done(run_outcome::succeeded, ms); }

/// While it lives, commits of one job make its actor crash.
struct crashing {
  house_world& w;
  std::shared_ptr<poison> p = std::make_shared<poison>();
  ledger_actor real, fake;
  crashing(house_world& world, std::string job_id, int times) : w(world) {
    p->job_id = std::move(job_id);
    p->left = times;
    real = w.actors().ledger.get();
    fake = w.system().spawn(poisoned_ledger, real, p);
    w.actors().ledger.set(fake);
  }
  ~crashing() {
    w.actors().ledger.set(real);
    caf::anon_send_exit(fake, caf::exit_reason::user_shutdown);
    w.run();
  }
};

template <class Handle>
void crash(house_world& w, const place<Handle>& where) {
  auto old = where.get();
  caf::anon_send_exit(old, caf::exit_reason::unhandled_exception);
  w.run();
  CHECK(where.get() != old);
}

}  // namespace

TEST_CASE("a job actor that crashes while its node reports is replaced, and the job ends") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  crashing c{w, id, 3};
  auto lease = a.start(id);
  a.say({a.session, {lease}, {{lease, 100'000, ""}}, {}, {}});
  a.finish(lease, ran(0));
  a.finish(lease, ran(0));  // what is not acknowledged is repeated
  CHECK(c.p->given == 3);
  a.finish(lease, ran(0));
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(a.told->stored.size() >= 1);
  w.books_are_right();
}

TEST_CASE("a job actor that crashes with a claim in its hands does not lose the job or the slot") {
  house_world w;
  fake_agent a{w, "a"};
  auto id = w.submit();
  {
    crashing c{w, id, 1};
    REQUIRE(a.join());
    CHECK(c.p->given == 1);
  }
  CHECK_FALSE(a.has_order(id));
  REQUIRE(w.pass_until([&] { return a.has_order(id); }, 20'000));
  a.finish(a.start(id), ran(0));
  CHECK(w.state(id) == job_state::succeeded);
}

TEST_CASE("a job whose actor crashes a sixth time is dead, its money is free and its slot, too") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  crashing c{w, id, 6};
  for (int i = 0; i < 6; ++i) {
    CHECK(w.state(id) == job_state::running);
    a.say({a.session, {}, {{lease, 100'000 + i, ""}}, {}, {}});
  }
  CHECK(w.state(id) == job_state::dead);
  CHECK(w.row(id).error_code == "quarantined");
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(w.balance(house_world::user).balance == 100 * one);
  CHECK(a.told->stops == std::vector{lease});
  auto next = w.submit();
  CHECK(a.has_order(next));
  a.finish(lease, ran(0));
  CHECK(a.told->stale == std::vector{lease});
  CHECK(w.gave_up.empty());
  w.books_are_right();
}

TEST_CASE("five crashes in thirty seconds are allowed, a sixth is not, and old ones are forgotten") {
  auto b = entity_budget();
  for (int i = 0; i < 5; ++i) CHECK(b.allows(1'000 * i));
  CHECK_FALSE(b.allows(5'000));
  auto slow = entity_budget();
  for (int i = 0; i < 50; ++i) CHECK(slow.allows(6'001 * i));
}

TEST_CASE("a replaced dispatcher knows the nodes, their running jobs and what waits") {
  house_world w;
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  auto running = w.submit();
  a.start(running);
  crash(w, w.actors().dispatcher);
  auto second = w.submit(), third = w.submit();
  w.pass(1'000);
  CHECK(a.has_order(second));
  CHECK_FALSE(a.has_order(third));
  a.finish(a.lease(running), ran(0));
  CHECK(a.has_order(third));
  w.books_are_right();
}

TEST_CASE("jobs that waited when the dispatcher crashed are run") {
  house_world w;
  std::vector<std::string> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(w.submit());
  crash(w, w.actors().dispatcher);
  fake_agent a{w, "a", 5};
  REQUIRE(a.join());
  w.pass(6'000);
  for (auto& id : ids) CHECK(a.has_order(id));
}

TEST_CASE("after a crash of the register the nodes join again and their jobs go on") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  auto door = w.actors().door.get();
  crash(w, w.actors().nodes);
  CHECK_FALSE(a.beat());
  CHECK(w.actors().door.get() == door);  // the one that is published
  REQUIRE(a.join());
  w.pass(15'000);
  CHECK(w.row(id).lease_epoch == lease.epoch);
  a.finish(lease, ran(0));
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(w.row(id).attempts == 1);
}

TEST_CASE("after a crash of the register the jobs of a node that stays away are rescued") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  a.start(id);
  crash(w, w.actors().nodes);
  a.hang_up();
  REQUIRE(b.join());
  REQUIRE(w.pass_until([&] { return b.has_order(id); }, limits::lease_ttl_ms + 3'000));
}

TEST_CASE("a crash of all job actors at once loses no job") {
  house_world w;
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  auto running = w.submit(), leased = w.submit(), queued = w.submit();
  auto lease = a.start(running);
  w.must(w.actors().jobs.get(), cancel_job{running, house_world::user});
  crash(w, w.actors().jobs);
  w.pass(limits::cancel_grace_ms + 1'000);
  CHECK(w.state(running) == job_state::cancelled);  // its timer was kept
  a.finish(lease, ran(0));
  CHECK(a.told->stale == std::vector{lease});
  a.held.erase(lease);
  REQUIRE(w.pass_until([&] { return a.has_order(queued); }, 20'000));
  a.finish(a.start(leased), ran(0));
  a.finish(a.start(queued), ran(0));
  CHECK(w.state(leased) == job_state::succeeded);
  CHECK(w.state(queued) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("sessions, wallets, identity, events and readers are replaced, and requests go on") {
  house_world w;
  crash(w, w.actors().sessions);
  crash(w, w.actors().wallets);
  crash(w, w.actors().identity);
  crash(w, w.actors().events);
  for (auto& r : w.actors().readers) crash(w, *r);
  CHECK(w.gave_up.empty());
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  register_user newcomer;
  newcomer.username = "ann";
  newcomer.password = "a long password";
  auto made = w.must(w.actors().identity.get(), newcomer);
  auto who = w.must(w.actors().sessions.get(), admit{"key:" + sha256_hex(made.api_key)});
  CHECK(who->user_id == made.user.id);
  auto id = w.submit();
  a.finish(a.start(id), ran(0));
  CHECK(w.state(id) == job_state::succeeded);
}

TEST_CASE("a subsystem that crashes a fourth time within a minute ends the process") {
  house_world w;
  for (int i = 0; i < 3; ++i) crash(w, w.actors().dispatcher);
  CHECK(w.gave_up.empty());
  caf::anon_send_exit(w.actors().dispatcher.get(), caf::exit_reason::unhandled_exception);
  w.run();
  CHECK(w.gave_up == "dispatcher crashed");
}

TEST_CASE("a ledger that crashes ends the process at once") {
  house_world w;
  w.faults.on_apply = [](const change&) { throw std::logic_error{"a bug in the store"}; };
  auto answer = w.ask(w.actors().wallets.get(), submit_jobs{house_world::user, {w.entry()}});
  CHECK(std::holds_alternative<failure>(answer));
  CHECK(w.gave_up == "ledger crashed");
  w.faults.on_apply = {};
}

TEST_CASE("a reader that crashes over one job does not take the others with it") {
  house_world w;
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  auto bad = w.submit(), good = w.submit();
  auto left = 2;
  w.faults.on_find_job = [&](const std::string& id) {
    if (id == bad && left-- > 0) throw std::logic_error{"cannot read it"};
  };
  CHECK(std::holds_alternative<failure>(w.ask(w.actors().reader(), find_job{bad, {}})));
  a.finish(a.start(good), ran(0));
  CHECK(w.state(good) == job_state::succeeded);
  CHECK(w.gave_up.empty());
}

TEST_CASE("a node's actor that crashes costs the node its session, and its job is rescued") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  a.start(id);
  caf::anon_send_exit(a.gateway, caf::exit_reason::unhandled_exception);
  w.run();
  CHECK_FALSE(a.beat());
  REQUIRE(a.join());
  w.pass(1'000);
  CHECK(w.state(id) == job_state::running);
  CHECK(w.row(id).attempts == 1);
}
