// Virtual actors: active while there is something to do, let go when idle, back when addressed.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

TEST_CASE("a job that waits costs no actor, and its actor is back when something happens") {
  house_world w;
  w.pass(70'000);
  auto at_rest = w.system().registry().running();
  std::vector<std::string> ids;
  for (int i = 0; i < 50; ++i) {
    auto s = house_world::noop();
    s.spec.timeout_ms = 1'000;
    ids.push_back(w.submit(s));
  }
  w.must(w.actors().jobs.get(), cancel_job{ids.back(), house_world::user});
  w.pass(70'000);
  CHECK(w.system().registry().running() == at_rest);
  CHECK(w.must(w.actors().jobs.get(), cancel_job{ids.front(), house_world::user}).row.state == job_state::cancelled);
  fake_agent a{w, "a", 3};
  REQUIRE(a.join());
  w.run();
  CHECK(a.told->runs.size() == 3);
}

TEST_CASE("a job that has ended costs no actor") {
  house_world w;
  w.pass(70'000);
  auto at_rest = w.system().registry().running();
  {
    fake_agent a{w, "a", 20};
    REQUIRE(a.join());
    for (int i = 0; i < 20; ++i) {
      auto id = w.submit();
      a.finish(a.start(id), fake_agent::done(run_outcome::succeeded));
    }
  }
  w.pass(70'000);
  CHECK(w.system().registry().running() == at_rest);
}

TEST_CASE("an idle wallet and an idle session are let go and come back") {
  house_world w;
  w.pass(70'000);
  auto at_rest = w.system().registry().running();
  auto key = w.new_key(house_world::user);
  auto credential = "key:" + sha256_hex(key);
  CHECK(w.must(w.actors().sessions.get(), admit{credential})->user_id == house_world::user);
  w.submit();
  CHECK(w.system().registry().running() >= at_rest + 2);
  w.pass(70'000);
  CHECK(w.system().registry().running() == at_rest);
  CHECK(w.must(w.actors().sessions.get(), admit{credential})->user_id == house_world::user);
  w.submit();
}

TEST_CASE("an unknown credential is refused and costs no actor") {
  house_world w;
  w.pass(70'000);
  auto at_rest = w.system().registry().running();
  for (int i = 0; i < 20; ++i) {
    auto answer = w.ask(w.actors().sessions.get(), admit{"key:" + std::to_string(i)});
    REQUIRE(std::holds_alternative<failure>(answer));
    CHECK(std::get<failure>(answer).code == errc::unauthenticated);
  }
  CHECK(w.system().registry().running() == at_rest);
}

TEST_CASE("a login session ends at its time, also when it is in use") {
  house_world w;
  register_user ask{"eve@example.org", "eve", "", "a long password"};
  w.must(w.actors().identity.get(), ask);
  auto in = w.must(w.actors().identity.get(), log_in{"eve", "a long password"});
  auto credential = "jwt:" + in.session_id;
  CHECK(w.must(w.actors().sessions.get(), admit{credential})->username == "eve");
  w.wall = in.expires_ms;
  auto answer = w.ask(w.actors().sessions.get(), admit{credential});
  REQUIRE(std::holds_alternative<failure>(answer));
  CHECK(std::get<failure>(answer).code == errc::unauthenticated);
}

TEST_CASE("a wrong password and an unknown user get the same answer") {
  house_world w;
  w.must(w.actors().identity.get(), register_user{"eve@example.org", "eve", "", "a long password"});
  auto wrong = std::get<failure>(w.ask(w.actors().identity.get(), log_in{"eve", "another password"}));
  auto unknown = std::get<failure>(w.ask(w.actors().identity.get(), log_in{"nobody", "another password"}));
  CHECK(wrong.code == errc::unauthenticated);
  CHECK(unknown.code == wrong.code);
  CHECK(unknown.detail == wrong.detail);
  auto again = w.ask(w.actors().identity.get(), register_user{"eve@example.org", "eva", "", "a long password"});
  REQUIRE(std::holds_alternative<failure>(again));
  CHECK(std::get<failure>(again).code == errc::conflict);
}
