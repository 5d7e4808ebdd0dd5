// Jobs whose hold grows while they run, through the real cast: with money, without, over a restart, under a ceiling.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

/// Runs up to an hour; only a minute of it is held: 4'166'667 and 5 %.
submission open_ended() {
  auto s = house_world::noop();
  s.hold_window_ms = 60'000;
  return s;
}

constexpr amount minute = 4'166'667 + 208'334;

/// All the money but this much goes to somebody else.
void leave_only(house_world& w, amount rest) {
  change c;
  auto of = [](const char* owner) { return account_key{owner, account_kind::available, asset::dgpu}; };
  auto free = w.balance(house_world::user).balance - w.balance(house_world::user).held;
  c.transfers.push_back({"gone-" + std::to_string(rest), transfer_code::internal_transfer, of(house_world::user),
                         of(house_world::provider), free - rest, ""});
  w.commit(c);
}

}  // namespace

TEST_CASE("a job holds one window at first, and another whenever nine tenths are used") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit(open_ended());
  CHECK(w.row(id).hold == minute);
  auto lease = a.start(id);
  w.pass(53'000);
  CHECK(w.row(id).hold == minute);
  w.pass(3'000);
  CHECK(w.row(id).hold == 2 * minute);
  CHECK(w.balance(house_world::user).held == 2 * minute);
  w.pass(150'000);
  a.finish(lease, fake_agent::done(run_outcome::succeeded, 206'000));
  auto end = w.row(id);
  CHECK(end.state == job_state::succeeded);
  CHECK(end.cost == 14'305'556 + 715'278);
  CHECK(end.cost <= end.hold);
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(w.events(id) == std::vector<std::string>{"queued", "started", "completed"});
  w.books_are_right();
}

TEST_CASE("a job whose hold cannot grow is stopped before its meter passes the hold, told why, and pays what ran") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit(open_ended());
  auto lease = a.start(id);
  leave_only(w, minute - 1);
  REQUIRE(w.pass_until([&] { return w.state(id) == job_state::cancelling; }, 60'000));
  CHECK(w.wall - w.row(id).started_ms < 60'000);
  CHECK(a.told->stops == std::vector{lease});
  a.finish(lease, fake_agent::done(run_outcome::cancelled, w.wall - w.row(id).started_ms));
  auto end = w.row(id);
  CHECK(end.state == job_state::cancelled);
  CHECK(end.error_code == "insufficient_funds");
  CHECK(end.hold == minute);
  CHECK(end.cost > minute * 8 / 10);
  CHECK(end.cost <= minute);
  CHECK(w.events(id) == std::vector<std::string>{"queued", "started", "funds", "cancelled"});
  w.books_are_right();
}

TEST_CASE("a hold goes on growing after a restart of the gateway") {
  house_world w;
  std::string id;
  {
    fake_agent a{w, "a"};
    REQUIRE(a.join());
    id = w.submit(open_ended());
    auto lease = a.start(id);
    w.pass(56'000);
    REQUIRE(w.row(id).hold == 2 * minute);
    w.restart();
    REQUIRE(a.join());
    w.pass(56'000);
    CHECK(w.row(id).hold == 3 * minute);
    CHECK(w.row(id).rare.hold_steps == 2);
    a.finish(lease, fake_agent::done(run_outcome::succeeded, 112'000));
  }
  CHECK(w.row(id).cost == 7'777'778 + 388'889);
  w.books_are_right();
}

TEST_CASE("an extension whose answer got lost is not made twice") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit(open_ended());
  a.start(id);
  w.pass(53'000);
  w.faults.forget_answers = true;
  w.pass(2'000);
  w.faults.forget_answers = false;
  w.pass(5'000);
  CHECK(w.row(id).hold == 2 * minute);
  CHECK(w.balance(house_world::user).held == 2 * minute);
  w.books_are_right();
}

TEST_CASE("a hold that was not looked at for a while, for the database was away, covers what was used and more") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit(open_ended());
  auto lease = a.start(id);
  w.pass(50'000);
  w.faults.writes_away = true;
  w.pass(100'000);
  w.faults.writes_away = false;
  w.pass(5'000);
  CHECK(w.row(id).hold > 3 * minute);
  REQUIRE(a.join());
  a.finish(lease, fake_agent::done(run_outcome::succeeded, 150'000));
  w.pass(1'000);
  CHECK(is_terminal(w.state(id)));
  w.books_are_right();
}

TEST_CASE("silence longer than the job allows is told once, and the job runs on") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto s = house_world::noop();
  s.stall_ms = 30'000;
  auto id = w.submit(s);
  auto lease = a.start(id);
  w.pass(20'000);
  a.say({a.session, {}, {{lease, 100'000, "on"}}, {}, {}});
  w.pass(29'000);
  CHECK(w.events(id) == std::vector<std::string>{"queued", "started", "progress"});
  w.pass(60'000);
  CHECK(w.events(id) == std::vector<std::string>{"queued", "started", "progress", "stalled"});
  CHECK(w.state(id) == job_state::running);
}
