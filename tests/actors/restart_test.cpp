// kill -9 and start again: a new cast on the same store brings every job to its end, each paid once.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

/// One job in each live state; node `a` holds some of them.
struct every_state {
  house_world w;
  fake_agent a{w, "a", 4}, b{w, "b", 4};
  std::string scheduled, queued, told_leased, untold_leased, running, retrying, cancelling;

  every_state() {
    REQUIRE(a.join());
    told_leased = w.submit();
    untold_leased = w.submit();
    running = w.submit();
    cancelling = w.submit();
    a.start(running);
    a.start(cancelling);
    a.held.insert(a.lease(told_leased));
    w.must(w.actors().jobs.get(), cancel_job{cancelling, house_world::user});
    auto picky = house_world::noop();
    picky.spec.needs.labels = {{"only", "b"}};
    b.offer.labels = picky.spec.needs.labels;
    queued = w.submit(picky);
    auto later = house_world::noop();
    later.run_at_ms = w.wall + 20'000;
    scheduled = w.submit(later);
    REQUIRE(b.join());
    retrying = w.submit();
    b.finish(b.start(queued), fake_agent::done(run_outcome::succeeded));
    queued = w.submit(picky);
    auto lease = b.start(retrying);
    b.hang_up();
    w.pass(100);
    w.actors().jobs.get();
    caf::anon_send(w.actors().jobs.get(), tell_job{retrying, job_input::lost{lease.epoch}});
    w.run();
    b.held.clear();
    b.offer.instance = "second";
  }
  std::vector<std::string> all() {
    return {scheduled, queued, told_leased, untold_leased, running, retrying, cancelling};
  }
  bool all_ended() {
    auto ids = all();
    return std::all_of(ids.begin(), ids.end(), [&](auto& id) { return is_terminal(w.state(id)); });
  }
  /// Runs to the end whatever a node was ever told.
  void work(fake_agent& n) {
    if (!n.gateway) return;
    for (auto& o : std::vector<run_order>{n.told->runs}) {
      auto known = n.told->stored;
      known.insert(known.end(), n.told->stale.begin(), n.told->stale.end());
      lease_ref l{o.job_id, o.epoch};
      if (std::find(known.begin(), known.end(), l) != known.end()) continue;
      n.say({n.session, {l}, {}, {}, {}});
      auto stop = std::find(n.told->stops.begin(), n.told->stops.end(), l) != n.told->stops.end();
      n.finish(l, fake_agent::done(stop ? run_outcome::cancelled : run_outcome::succeeded));
    }
  }
  void check_the_end() {
    for (auto& id : all()) {
      INFO(id, " ", to_string(w.state(id)));
      CHECK(is_terminal(w.state(id)));
      int ends = 0;
      for (auto& e : w.reader().events_after(house_world::user, id, 0, 1'000)) ends += e.terminal;
      CHECK(ends == 1);
    }
    CHECK(w.state(cancelling) == job_state::cancelled);
    CHECK(w.balance(house_world::user).held == 0);
    w.books_are_right();
  }
};

}  // namespace

TEST_CASE("after a restart jobs in every live state end, when the nodes come back") {
  every_state x;
  CHECK(x.w.state(x.scheduled) == job_state::scheduled);
  CHECK(x.w.state(x.queued) == job_state::leased);
  CHECK(x.w.state(x.running) == job_state::running);
  CHECK(x.w.state(x.cancelling) == job_state::cancelling);
  auto kept = x.a.lease(x.running);
  x.a.told->stops.clear();
  x.w.restart();
  REQUIRE(x.a.join());
  REQUIRE(x.b.join());
  x.w.pass(3'500);
  CHECK(x.w.row(x.running).lease_epoch == kept.epoch);  // a restart of ours is no reason to run it again
  CHECK(std::count(x.a.told->stops.begin(), x.a.told->stops.end(), x.a.lease(x.cancelling)) >= 1);
  x.w.pass_until(
      [&] {
        x.work(x.a), x.work(x.b);
        return x.all_ended();
      },
      60'000);
  CHECK(x.w.row(x.running).attempts == 1);
  CHECK(x.w.row(x.told_leased).attempts == 1);
  x.check_the_end();
}

TEST_CASE("after a restart jobs in every live state end, when their node never comes back") {
  every_state x;
  x.w.restart();
  x.b.offer.slots = 8;
  REQUIRE(x.b.join());
  x.w.pass_until(
      [&] {
        x.work(x.b);
        return x.all_ended();
      },
      60'000);
  x.check_the_end();
}

TEST_CASE("three restarts at bad moments do not lose or double a job") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  w.restart();
  REQUIRE(a.join());
  REQUIRE(w.pass_until([&] { return a.told->runs.size() >= 2; }, 20'000));
  auto lease = a.start(id);
  w.restart();
  REQUIRE(a.join());
  a.finish(lease, fake_agent::done(run_outcome::succeeded));
  CHECK(w.state(id) == job_state::succeeded);
  w.restart();
  REQUIRE(a.join());
  a.finish(lease, fake_agent::done(run_outcome::succeeded));  // the acknowledgement had got lost
  CHECK(a.told->stored == std::vector{lease, lease});
  w.pass(12'000);
  CHECK(w.row(id).attempts == 1);
  w.books_are_right();
}

TEST_CASE("when root is told to stop, everyone ends at once, with jobs queued and running") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  a.start(w.submit());
  w.submit();
  w.must(w.actors().wallets.get(), submit_jobs{house_world::user, {w.entry()}});
  w.ask(w.actors().sessions.get(), admit{"key:unknown"});
  CHECK(w.close() == 0);
}
