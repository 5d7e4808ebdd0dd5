// What money does by the clock, and what a session knows of its user's ceilings.
#include "model/withdrawal.hpp"
#include "tests/support/house_world.hpp"

using namespace troupe;

namespace {

struct desk : house_world {
  withdrawal_row reserve(amount value, int64_t hours = 24) {
    withdrawal_rules rules;
    rules.hours = hours;
    auto made = reserve_withdrawal(
        {user, "So11111111111111111111111111111111111111112", account_kind::available, asset::dgpu, value}, rules,
        new_id("wdr"), wall);
    auto c = std::get<change>(made);
    auto done = must(actors().wallets.get(), change_money{user, c});
    INFO(done.detail);
    REQUIRE(done.why == errc::ok);
    return c.withdraws->row;
  }
  withdrawal_state state_of(const std::string& id) { return reader().books().find_withdrawal(id)->state; }
  int low_balance_events() {
    int n = 0;
    for (auto& e : reader().events_after(user, "", 0, 1'000)) n += e.kind == "low_balance" ? 1 : 0;
    return n;
  }
  std::string credential() { return "key:" + sha256_hex(new_key(user)); }
};

}  // namespace

TEST_CASE("a reservation that nobody approved lapses when its time is over, and gives everything back") {
  desk w;
  auto early = w.reserve(10 * one, 1), late = w.reserve(20 * one, 2);
  CHECK(w.balance(w.user).held == 30 * one);
  w.wall += 3'600'000 - 5'000;
  w.pass(3'000);
  CHECK(w.state_of(early.id) == withdrawal_state::reserved);
  CHECK(w.pass_until([&] { return w.state_of(early.id) == withdrawal_state::cancelled; }, 5'000));
  CHECK(w.state_of(late.id) == withdrawal_state::reserved);
  CHECK(w.balance(w.user).held == 20 * one);
  CHECK(w.balance(w.user).balance == 100 * one);
  w.books_are_right();
}

TEST_CASE("no timer gives an approved withdrawal back, and no restart forgets a reserved one") {
  desk w;
  auto approved = w.reserve(10 * one), reserved = w.reserve(5 * one);
  auto done = w.must(w.actors().wallets.get(), change_money{w.user, approve_withdrawal(approved, "", w.wall)});
  REQUIRE(done.why == errc::ok);
  w.restart();
  w.wall += 25 * 3'600'000;
  CHECK(w.pass_until([&] { return w.state_of(reserved.id) == withdrawal_state::cancelled; }, 5'000));
  CHECK(w.state_of(approved.id) == withdrawal_state::approved);
  CHECK(w.balance(w.user).balance == 90 * one);
  CHECK(w.balance(w.user).held == 0);
  w.books_are_right();
}

TEST_CASE("reservations that lapse while the database is away lapse when it is back") {
  desk w;
  auto row = w.reserve(10 * one);
  w.wall += 25 * 3'600'000;
  w.faults.writes_away = true;
  w.pass(5'000);
  CHECK(w.state_of(row.id) == withdrawal_state::reserved);
  w.faults.writes_away = false;
  CHECK(w.pass_until([&] { return w.state_of(row.id) == withdrawal_state::cancelled; }, 5'000));
  w.books_are_right();
}

TEST_CASE("a low balance is told once for each time it is crossed") {
  desk w;
  w.reserve(94 * one);
  CHECK(w.low_balance_events() == 0);
  auto second = w.reserve(2 * one);
  CHECK(w.low_balance_events() == 1);
  w.reserve(one);
  CHECK(w.low_balance_events() == 1);
  auto back = w.must(w.actors().wallets.get(), change_money{w.user, cancel_withdrawal(second, "", w.wall)});
  REQUIRE(back.why == errc::ok);
  w.reserve(one);
  CHECK(w.low_balance_events() == 2);
}

TEST_CASE("a session knows the ceilings of its user and key, and learns of new ones at once") {
  desk w;
  auto credential = w.credential();
  CHECK(w.must(w.actors().sessions.get(), admit{credential})->limits.empty());
  change c;
  c.spend_limits.push_back({std::string{"user:"} + w.user, "day", asset::dgpu, 5 * one});
  w.commit(c);
  CHECK(w.must(w.actors().sessions.get(), admit{credential})->limits.empty());  // as it was read
  tell(w.actors().sessions.get(), forget_user{house_world::provider});
  CHECK(w.must(w.actors().sessions.get(), admit{credential})->limits.empty());
  tell(w.actors().sessions.get(), forget_user{house_world::user});
  auto known = w.must(w.actors().sessions.get(), admit{credential})->limits;
  REQUIRE(known.size() == 1);
  CHECK(known[0].limit == 5 * one);
}

TEST_CASE("a key is made with its ceilings, and only its own sessions have them") {
  desk w;
  auto made = w.new_key(house_world::user, {{"", "day", asset::dgpu, one}, {"", "total", asset::dgpu, 9 * one}});
  auto who = w.must(w.actors().sessions.get(), admit{"key:" + sha256_hex(made)});
  REQUIRE(who->limits.size() == 2);
  CHECK(who->limits[0].scope == "key:" + who->key_id);
  CHECK(w.must(w.actors().sessions.get(), admit{w.credential()})->limits.empty());
}
