// Nodes that fail again and again get no work for a while, and no job is lost over it.
#include "persistence/node_reader.hpp"
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

void fail_three_times(house_world& w, fake_agent& a) {
  for (int i = 0; i < 3; ++i) {
    auto s = house_world::noop();
    auto id = w.submit(s);
    REQUIRE(w.pass_until([&] { return a.has_order(id); }, 5'000));
    a.finish(a.start(id), fake_agent::done(run_outcome::node_fault));
    caf::anon_send(w.actors().jobs.get(), tell_job{id, job_input::cancel{}});
    w.run();
  }
}

}  // namespace

TEST_CASE("three faults of a node are a quarantine, and its jobs wait until it is over") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  fail_three_times(w, a);
  auto record = w.reader().nodes().record(a.id);
  CHECK(record.faults == 3);
  CHECK(record.quarantined_until_ms > w.wall);
  w.pass(2'000);
  auto id = w.submit();
  w.pass(590'000);
  CHECK(w.state(id) == job_state::queued);
  CHECK_FALSE(a.has_order(id));
  CHECK(a.beat());  // it is still here
  REQUIRE(w.pass_until([&] { return a.has_order(id); }, 30'000));
  a.finish(a.start(id));
  CHECK(w.state(id) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("a quarantined node stays so when it joins again, and an admin lifts it") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  fail_three_times(w, a);
  REQUIRE(a.join());
  auto id = w.submit();
  w.pass(5'000);
  CHECK_FALSE(a.has_order(id));
  change c;
  c.terms = node_terms{};
  c.terms->node_id = a.id;
  c.terms->reinstates = true;
  c.terms->at_ms = w.wall;
  w.commit(c);
  REQUIRE(w.pass_until([&] { return a.has_order(id); }, 5'000));
}

TEST_CASE("maintenance and a price that was set hold at once, without a new join") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  change c;
  c.terms = node_terms{};
  c.terms->node_id = a.id;
  c.terms->maintenance = true;
  c.terms->rate = cpu_rate / 2;
  c.terms->at_ms = w.wall;
  w.commit(c);
  w.pass(1'500);
  auto id = w.submit();
  w.pass(3'000);
  CHECK_FALSE(a.has_order(id));
  c.terms->maintenance = false;
  c.terms->at_ms = w.wall;
  w.commit(c);
  REQUIRE(w.pass_until([&] { return a.has_order(id); }, 5'000));
  CHECK(w.row(id).node_rate == cpu_rate / 2);
}

TEST_CASE("a drain that ends does not end the maintenance") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  change c;
  c.terms = node_terms{};
  c.terms->node_id = a.id;
  c.terms->maintenance = true;
  c.terms->at_ms = w.wall;
  w.commit(c);
  w.pass(1'500);
  for (auto draining : {true, false}) caf::anon_send(w.actors().nodes.get(), node_drains{a.id, a.session, draining});
  w.run();
  auto id = w.submit();
  w.pass(3'000);
  CHECK_FALSE(a.has_order(id));
}

TEST_CASE("what one session loses is one incident") {
  house_world w;
  fake_agent a{w, "a", 5};
  REQUIRE(a.join());
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) {
    ids.push_back(w.submit());
    a.start(ids.back());
  }
  a.beating = false;
  a.hang_up();
  w.pass(limits::lease_ttl_ms + 5'000);
  CHECK(w.reader().nodes().record(a.id).lost == 4);
  CHECK(w.reader().nodes().record(a.id).quarantined_until_ms == 0);
}
