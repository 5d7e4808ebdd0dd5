// Nodes that vanish, come back, lie about who they are: their jobs end all the same, each paid once.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

run_report ran(int64_t ms) { return fake_agent::done(run_outcome::succeeded, ms); }

}  // namespace

TEST_CASE("the jobs of a lost node go to the other node") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto running = w.submit();
  auto lease = a.start(running);
  REQUIRE(b.join());
  a.hang_up();
  REQUIRE(w.pass_until([&] { return b.has_order(running); }, 6'000));
  CHECK(b.order(running).epoch > lease.epoch);
  b.finish(b.start(running), ran(100));
  CHECK(w.state(running) == job_state::succeeded);
  CHECK(w.row(running).attempts == 2);
  w.books_are_right();
}

TEST_CASE("a job that was only leased is not charged an attempt for its lost node") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  REQUIRE(b.join());
  a.hang_up();
  REQUIRE(w.pass_until([&] { return b.has_order(id); }, 6'000));
  b.finish(b.start(id), ran(0));
  CHECK(w.row(id).attempts == 1);
}

TEST_CASE("a node that is silent for the lease time is lost") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  a.start(id);
  REQUIRE(b.join());
  a.beating = false;
  w.pass(limits::lease_ttl_ms - 500);
  CHECK(w.state(id) == job_state::running);
  REQUIRE(w.pass_until([&] { return b.has_order(id); }, 4'000));
}

TEST_CASE("a late finisher wins while nobody else has the job") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  w.pass(1'000);
  a.hang_up();
  w.pass(limits::lost_grace_ms + 600);
  REQUIRE_FALSE(is_granted(w.state(id)));
  auto cast = w.actors().jobs.get();
  caf::anon_send(cast, tell_job{id, job_input::finish{lease.epoch, ran(900), a.id}});
  w.run();
  CHECK(w.state(id) == job_state::succeeded);
  REQUIRE(a.join());
  w.pass(10'000);
  CHECK(a.told->runs.size() == 1);
  w.books_are_right();
}

TEST_CASE("a late finisher is stale once somebody else has the job") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  REQUIRE(b.join());
  a.hang_up();
  REQUIRE(w.pass_until([&] { return b.has_order(id); }, 6'000));
  REQUIRE(a.join());
  CHECK(a.welcome.stop == std::vector{lease});
  a.finish(lease, ran(5'000));
  CHECK(a.told->stale == std::vector{lease});
  CHECK(w.state(id) == job_state::leased);
  b.finish(b.start(id), ran(100));
  CHECK(w.row(id).state == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("a run order that got lost on the way is noticed by the beats") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  REQUIRE(a.told->runs.size() == 1);
  w.pass(limits::report_lost_ms + 3'500);  // the node never names it
  CHECK(a.told->runs.size() >= 2);
  a.finish(a.start(id), ran(0));
  CHECK(w.state(id) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("a job that the node names in its beats is not given to anybody else") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  a.start(id);
  w.pass(60'000);
  CHECK(a.told->runs.size() == 1);
  CHECK(w.state(id) == job_state::running);
}

TEST_CASE("a restarted node has lost its jobs and they are run again") {
  house_world w;
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  auto running = w.submit(), leased = w.submit();
  a.start(running);
  a.hang_up();
  a.held.clear();
  a.offer.instance = "second";
  w.pass(600);
  a.told->runs.clear();
  REQUIRE(a.join());
  REQUIRE(w.pass_until([&] { return a.has_order(running) && a.has_order(leased); }, 4'000));
  a.finish(a.start(running), ran(0));
  a.finish(a.start(leased), ran(0));
  CHECK(w.state(running) == job_state::succeeded);
  CHECK(w.state(leased) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("a node that joins again keeps its running jobs") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  auto old = a.session;
  a.hang_up();
  w.pass(1'000);
  REQUIRE(a.join());
  CHECK(a.session > old);
  CHECK(a.welcome.stop.empty());
  w.pass(20'000);
  CHECK(w.state(id) == job_state::running);
  auto waits = w.submit();
  w.pass(1'000);
  CHECK_FALSE(a.has_order(waits));  // its one slot is still taken
  a.finish(lease, ran(0));
  CHECK(w.row(id).attempts == 1);
  CHECK(a.has_order(waits));
  w.books_are_right();
}

TEST_CASE("a node that joins again before its old connection broke keeps its jobs") {
  house_world w;
  fake_agent a{w, "a", 4}, again{w, "a", 4};
  REQUIRE(a.join());
  std::vector<std::string> ids;
  for (int i = 0; i < 8; ++i) ids.push_back(w.submit());
  for (int i = 0; i < 4; ++i) again.held.insert(a.start(a.told->runs[static_cast<size_t>(i)].job_id));
  REQUIRE(again.join());
  w.pass(20'000);
  for (auto& l : std::set<lease_ref>{again.held}) again.finish(l, ran(0));
  for (int i = 0; i < 4; ++i) again.finish(again.start(again.told->runs[static_cast<size_t>(i)].job_id), ran(0));
  for (auto& id : ids) {
    CHECK(w.state(id) == job_state::succeeded);
    CHECK(w.row(id).attempts == 1);
  }
  w.books_are_right();
}

TEST_CASE("jobs submitted while a node joins again are not given up as undeliverable") {
  house_world w;
  fake_agent a{w, "a", 8}, again{w, "a", 8};
  REQUIRE(a.join());
  w.faults.writes_away = true;  // the new session cannot be stored yet
  CHECK_FALSE(again.join());
  w.faults.writes_away = false;
  std::vector<std::string> ids;
  for (int i = 0; i < 4; ++i) ids.push_back(w.submit());
  w.pass(1'000);
  for (auto& id : ids) CHECK(w.state(id) == job_state::queued);
  REQUIRE(again.join());
  for (auto& id : ids) again.finish(again.start(id), ran(0));
  for (auto& id : ids) CHECK(w.state(id) == job_state::succeeded);
}

TEST_CASE("a node that tried to join again and never came back loses its jobs to another") {
  house_world w;
  fake_agent a{w, "a"}, again{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  again.held.insert(a.start(id));
  w.faults.writes_away = true;
  CHECK_FALSE(again.join());
  w.faults.writes_away = false;
  a.hang_up();
  again.hang_up();
  REQUIRE(b.join());
  REQUIRE(w.pass_until([&] { return b.has_order(id); }, limits::lease_ttl_ms + 5'000));
}

TEST_CASE("a second instance of the same name is refused while the first is alive") {
  house_world w;
  fake_agent a{w, "a"}, impostor{w, "a"};
  REQUIRE(a.join());
  impostor.offer.instance = "other";
  CHECK_FALSE(impostor.join());
  CHECK(impostor.refused.code == errc::conflict);
  CHECK(a.beat());
  a.beating = false;
  w.pass(limits::lease_ttl_ms + 1'000);
  CHECK(impostor.join());
}

TEST_CASE("a wrong node key and a malformed offer are refused") {
  house_world w;
  fake_agent a{w, "a"};
  a.node_key = "guess";
  CHECK_FALSE(a.join());
  CHECK(a.refused.code == errc::unauthenticated);
  a.node_key = house_world::node_key;
  a.offer.slots = 0;
  CHECK_FALSE(a.join());
  CHECK(a.refused.code == errc::invalid);
  a.offer.slots = 1;
  a.offer.rate = -1;
  CHECK_FALSE(a.join());
}

TEST_CASE("a beat of an old session tells the node to join again") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  a.session -= 1;
  CHECK_FALSE(a.beat());
}

TEST_CASE("a node cannot end the job of another node") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  REQUIRE(b.join());
  b.finish(lease, ran(3'600'000));
  CHECK(b.told->stale == std::vector{lease});
  CHECK(w.state(id) == job_state::running);
}

TEST_CASE("a retried job that goes back to the same node does not free its slot for another") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto first = w.submit();
  auto lease = a.start(first);
  a.finish(lease, fake_agent::done(run_outcome::node_fault));
  REQUIRE(w.pass_until([&] { return a.order(first).epoch > lease.epoch; }, 5'000));
  lease = a.start(first);
  auto second = w.submit();
  w.pass(12'000);
  CHECK_FALSE(a.has_order(second));
  a.finish(lease, ran(0));
  CHECK(a.has_order(second));
}

TEST_CASE("an order that is stopped before it went out never reaches the node") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto nodes = w.actors().nodes.get();
  auto give = [&](const std::string& id) {
    run_order order;
    order.job_id = id;
    order.epoch = 1;
    caf::anon_send(nodes, send_run{a.id, a.session, order, false});
  };
  give("job_1");
  give("job_2");
  caf::anon_send(nodes, send_stop{a.id, {"job_1", 1}});
  w.run();
  CHECK_FALSE(a.has_order("job_1"));
  CHECK(a.has_order("job_2"));
}

TEST_CASE("a rejected job is offered again, and is dead when no node would ever start it") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  for (int i = 0; i < limits::deliveries_max; ++i) {
    REQUIRE(a.told->runs.size() == static_cast<size_t>(i + 1));
    a.say({a.session, {}, {}, {}, {a.lease(id)}});
  }
  CHECK(w.state(id) == job_state::dead);
  CHECK(w.row(id).error_code == "undeliverable");
  CHECK(w.balance(house_world::user).balance == 100 * one);
  w.books_are_right();
}

namespace {

/// Five nodes of one slot each, of which the first two have a job.
struct five_nodes {
  fake_agent a, b, c, d, e;
  std::string of_a, of_b;

  explicit five_nodes(house_world& w) : a{w, "a"}, b{w, "b"}, c{w, "c"}, d{w, "d"}, e{w, "e"} {
    REQUIRE(a.join());
    a.start(of_a = w.submit());
    REQUIRE(b.join());
    b.start(of_b = w.submit());
    for (auto* x : {&c, &d, &e}) REQUIRE(x->join());
  }
  bool went_on(const std::string& id) const { return c.has_order(id) || d.has_order(id) || e.has_order(id); }
};

}  // namespace

TEST_CASE("when many nodes fall silent at once their jobs wait, for it may be the network") {
  house_world w;
  five_nodes n{w};
  n.a.hang_up();
  n.b.hang_up();
  w.pass(15'000);
  CHECK_FALSE(n.went_on(n.of_a));
  CHECK_FALSE(n.went_on(n.of_b));
  CHECK(w.pass_until([&] { return n.went_on(n.of_a) && n.went_on(n.of_b); }, 15'000));
}

TEST_CASE("a node whose jobs were rescued already does not make a storm of the next one") {
  house_world w;
  five_nodes n{w};
  n.a.hang_up();
  REQUIRE(w.pass_until([&] { return n.went_on(n.of_a); }, 6'000));
  n.b.hang_up();
  CHECK(w.pass_until([&] { return n.went_on(n.of_b); }, 6'000));
}

TEST_CASE("nodes that said that they leave do not make a storm of the one that falls silent") {
  house_world w;
  five_nodes n{w};
  for (auto* x : {&n.c, &n.d}) {
    CHECK(x->beat(true));
    x->hang_up();
  }
  n.a.hang_up();
  CHECK(w.pass_until([&] { return n.e.has_order(n.of_a); }, 6'000));
}

TEST_CASE("a node that did not come back to a new gateway is offline after the lease time") {
  house_world w;
  fake_agent gone{w, "gone"}, back{w, "back"};
  REQUIRE(gone.join());
  REQUIRE(back.join());
  w.faults.writes_away = true;  // as after kill -9: nobody says that they left
  w.restart();
  w.faults.writes_away = false;
  REQUIRE(back.join());
  auto state = [&](const fake_agent& x) {
    for (auto& row : w.reader().list_nodes())
      if (row.id == x.id) return row.state;
    return std::string{};
  };
  w.pass(limits::lease_ttl_ms - 500);
  CHECK(state(gone) == "online");
  w.pass(2'000);
  CHECK(state(gone) == "offline");
  w.pass(20'000);
  CHECK(state(back) == "online");
}
