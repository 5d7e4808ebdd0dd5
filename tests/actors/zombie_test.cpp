// Ten thousand completions that come late, twice, in any order and from the wrong nodes, through the real cast: every
// job ends once and is paid once. And a cancel in every state.
#include <random>

#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

using random_source = std::mt19937_64;

size_t pick(random_source& random, size_t n) { return random() % n; }

run_report any_report(random_source& random) {
  static constexpr std::array outcomes{run_outcome::succeeded, run_outcome::failed, run_outcome::node_fault,
                                       run_outcome::cancelled, run_outcome::preempted};
  return fake_agent::done(outcomes[pick(random, 5)], static_cast<int64_t>(random() % 100'000'000));
}

/// Every lease that was ever given, and what is said of it for ever after.
struct graveyard {
  std::vector<lease_ref> leases;
  int64_t said = 0;

  void add(const fake_agent& a, size_t from) {
    for (auto i = from; i < a.told->runs.size(); ++i) leases.push_back({a.told->runs[i].job_id, a.told->runs[i].epoch});
  }
  /// A letter about some old lease, or one that never was.
  void say(random_source& random, fake_agent& a) {
    node_report letter;
    letter.session = a.session;
    for (auto n = 1 + pick(random, 4); n > 0; --n) {
      auto lease = leases[pick(random, leases.size())];
      if (pick(random, 8) == 0) lease.epoch += static_cast<int64_t>(pick(random, 3)) - 1;
      auto report = any_report(random);
      for (auto twice = 1 + pick(random, 2); twice > 0; --twice) {
        letter.finished.push_back({lease, report, static_cast<int64_t>(pick(random, 2))});
        ++said;
      }
    }
    caf::anon_send(a.gateway, std::move(letter));
  }
};

}  // namespace

TEST_CASE("ten thousand zombie completions pay nobody twice") {
  house_world w;
  random_source random{7};
  std::deque<fake_agent> nodes;
  for (auto name : {"a", "b", "c"}) nodes.emplace_back(w, name, 8);
  for (auto& n : nodes) REQUIRE(n.join());
  graveyard zombies;
  std::vector<std::string> jobs;
  std::array<size_t, 3> seen{};
  auto gather = [&] {
    for (size_t i = 0; i < nodes.size(); ++i) {
      zombies.add(nodes[i], seen[i]);
      seen[i] = nodes[i].told->runs.size();
    }
  };
  while (zombies.said < 10'000) {
    if (jobs.size() < 400) jobs.push_back(w.submit());
    gather();
    for (auto n = pick(random, 6); n > 0 && !zombies.leases.empty(); --n) {
      auto& l = zombies.leases[zombies.leases.size() - 1 - pick(random, std::min<size_t>(8, zombies.leases.size()))];
      for (auto& node : nodes)
        if (node.has_order(l.job_id) && node.order(l.job_id).epoch == l.epoch)
          caf::anon_send(node.gateway, node_report{node.session, {l}, {}, {}, {}});
    }
    if (!zombies.leases.empty()) zombies.say(random, nodes[pick(random, 3)]);
    w.run();
    if (pick(random, 10) == 0) w.pass(100);
  }
  auto over = [&](const std::string& id) { return is_terminal(w.state(id)); };
  for (int seconds = 0; seconds < 600 && !std::all_of(jobs.begin(), jobs.end(), over); ++seconds) {
    for (auto& id : jobs) {
      auto j = w.row(id);
      for (auto& n : nodes)
        if (is_granted(j.state) && j.node_id == n.id) n.finish({id, j.lease_epoch});
    }
    w.pass(1'000);
  }
  REQUIRE(std::all_of(jobs.begin(), jobs.end(), over));
  amount paid = 0;
  for (auto& id : jobs) {
    auto j = w.row(id);
    CHECK(j.cost <= j.hold);
    paid += j.cost;
    int64_t ends = 0;
    for (auto& e : w.reader().events_after(house_world::user, id, 0, 1'000)) ends += e.terminal;
    CHECK(ends == 1);
  }
  CHECK(zombies.said >= 10'000);
  CHECK(paid > 0);
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(w.balance(house_world::user).balance == 100 * one - paid);
  w.books_are_right();
}

TEST_CASE("a cancel ends a job in every state, and its money comes back but for what ran") {
  house_world w;
  fake_agent a{w, "a"};
  auto cancel = [&](const std::string& id) {
    auto answer = w.ask(w.actors().jobs.get(), cancel_job{id, house_world::user});
    return std::holds_alternative<job_view>(answer);
  };
  auto later = house_world::noop();
  later.run_at_ms = w.wall + 3'600'000;
  auto scheduled = w.submit(later);
  CHECK(w.state(scheduled) == job_state::scheduled);
  CHECK(cancel(scheduled));
  CHECK(w.state(scheduled) == job_state::cancelled);
  auto queued = w.submit();
  CHECK(cancel(queued));
  CHECK(w.state(queued) == job_state::cancelled);
  REQUIRE(a.join());
  auto leased = w.submit();
  CHECK(w.state(leased) == job_state::leased);
  CHECK(cancel(leased));
  CHECK(w.state(leased) == job_state::cancelled);
  CHECK(w.row(leased).cost == 0);
  auto waiting = w.submit();
  a.finish(a.start(waiting), fake_agent::done(run_outcome::node_fault));
  CHECK(w.state(waiting) == job_state::retry_wait);
  CHECK(cancel(waiting));
  CHECK(w.state(waiting) == job_state::cancelled);
  auto running = w.submit();
  a.start(running);
  w.pass(36'000);
  CHECK(cancel(running));
  CHECK(w.state(running) == job_state::cancelling);
  CHECK(cancel(running));  // once more
  w.pass(limits::cancel_grace_ms + 1'500);
  CHECK(w.state(running) == job_state::cancelled);
  CHECK(w.row(running).cost == 2'625'000);  // 36 s, though its node never said so
  auto done = w.submit();
  a.finish(a.start(done));
  CHECK_FALSE(cancel(done));
  CHECK(w.state(done) == job_state::succeeded);
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(w.balance(house_world::user).balance == 100 * one - 2'625'000);
  w.books_are_right();
}
