// Billing sessions under the turned clock: bills, further hours, the end of the money, and crashes between all of them.
#include "model/rental.hpp"
#include "model/spending.hpp"
#include "tests/support/house_world.hpp"

using namespace troupe;

namespace {

constexpr int64_t minute = 60'000;
constexpr int64_t hour = 60 * minute;

struct renting : house_world {
  rental terms(int64_t max_ms = 0) const {
    rental r;
    r.id = new_id("ses");
    r.user_id = user;
    r.provider_user = provider;
    r.node_id = "node_1";
    r.gpu_model = "nvidia-geforce-rtx-4090";
    r.vram_mb = r.total_vram_mb = 24'576;
    r.power_w = 450;
    r.rate = 980'450'000;
    r.fee_bps = 500;
    r.max_ms = max_ms;
    return r;
  }
  errc send(change c) { return must(actors().wallets.get(), change_money{user, std::move(c)}).why; }
  std::string start(rental r) {
    auto id = r.id;
    REQUIRE(send(std::get<change>(open_rental(std::move(r), wall))) == errc::ok);
    return id;
  }
  rental session(const std::string& id) {
    auto found = reader().books().find_rental(id);
    REQUIRE(found);
    return *found;
  }
  /// The clock jumps, and the sweep has its turn.
  void later(int64_t ms) {
    wall += ms - 2'000;
    pass(2'000);
  }
  void give_away(amount value) {
    change c;
    c.transfers.push_back({new_id("txn"),
                           transfer_code::internal_transfer,
                           {user, account_kind::available, asset::dgpu},
                           {provider, account_kind::available, asset::dgpu},
                           value,
                           ""});
    commit(std::move(c));
  }
  amount usage_cost() {
    amount sum = 0;
    for (auto& x : reader().books().usage({user, {}, {}, {}, {}})) sum += x.cost;
    return sum;
  }
};

}  // namespace

TEST_CASE("ninety bills of a minute cost what one bill of ninety minutes costs") {
  renting w;
  auto id = w.start(w.terms(2 * hour));
  CHECK(w.balance(w.user).held == 2'058'945'000);
  auto started = w.session(id).started_ms;
  for (int i = 1; i <= 90; ++i) {
    w.wall = started + i * minute;
    REQUIRE(w.send(tick_rental(w.session(id), rental_reading{90, 80, 400, 70, w.wall}, w.wall)) == errc::ok);
  }
  REQUIRE(w.send(end_rental(w.session(id), rental_state::completed, "user", w.wall)) == errc::ok);
  CHECK(w.balance(w.provider, account_kind::earned).balance == 1'470'675'000);
  CHECK(w.balance("platform", account_kind::fee).balance == 73'533'750);
  CHECK(w.balance(w.user).balance == 100 * one - 1'470'675'000 - 73'533'750);
  CHECK(w.balance(w.user).held == 0);
  CHECK(w.usage_cost() == 1'544'208'750);
  CHECK(w.events(id) == std::vector<std::string>{"session_started", "session_ended"});
  w.books_are_right();
}

TEST_CASE("an open session is held for hour after hour, each before it begins") {
  renting w;
  auto id = w.start(w.terms());
  for (int i = 1; i <= 5; ++i) {
    w.later(i == 1 ? 54 * minute : hour);
    CHECK(covered_ms(w.session(id)) == (i + 1) * hour);
    CHECK(w.balance(w.user).held == w.session(id).hold - w.session(id).charged);
  }
  CHECK(w.session(id).state == rental_state::active);
  w.books_are_right();
}

TEST_CASE("when the money ends the user is warned and the session ends five minutes later") {
  renting w;
  auto id = w.start(w.terms());
  w.give_away(98 * one);
  auto started = w.session(id).started_ms;
  w.later(54 * minute);
  CHECK(w.events(id).back() == "session_funds_low");
  CHECK(w.session(id).state == rental_state::active);
  w.pass(10'000);
  CHECK(w.events(id).size() == 2);
  SUBCASE("unless there is money again") {
    deposit_money gift{w.user, transfer_code::deposit, "gift-2", asset::dgpu, 10 * one, "", {}};
    CHECK(w.must(w.actors().wallets.get(), gift).why == errc::ok);
    w.wall = started + 59 * minute;
    w.pass(2'000);
    CHECK(w.session(id).state == rental_state::active);
    CHECK(covered_ms(w.session(id)) == 2 * hour);
  }
  SUBCASE("and not a unit more is taken than was held") {
    w.wall = started + 59 * minute;
    w.pass(2'000);
    auto r = w.session(id);
    CHECK(r.state == rental_state::terminated);
    CHECK(r.end_reason == "funds");
    CHECK(r.charged <= r.hold);
    CHECK(w.balance(w.user).held == 0);
    CHECK(w.usage_cost() == r.charged);
    CHECK(w.events(id).back() == "session_ended");
  }
  w.books_are_right();
}

TEST_CASE("a session ends at its agreed time, also when the server slept through it") {
  renting w;
  auto id = w.start(w.terms(90 * minute));
  w.later(7 * hour);
  auto r = w.session(id);
  CHECK(r.state == rental_state::completed);
  CHECK(r.end_reason == "max_duration");
  CHECK(r.ended_ms == r.started_ms + 90 * minute);
  CHECK(r.charged == 1'544'208'750);
  w.books_are_right();
}

TEST_CASE("a crash between any two steps neither loses nor doubles a charge") {
  renting w;
  auto id = w.start(w.terms());
  auto started = w.session(id).started_ms;
  for (int i = 1; i <= 8; ++i) {
    w.wall = started + i * 20 * minute;
    w.pass(1'100);
    auto bill = tick_rental(w.session(id), {}, w.wall);
    w.faults.forget_answers = i % 2 == 0;  // written, but nobody hears of it
    w.ask(w.actors().wallets.get(), change_money{w.user, bill});
    w.faults.forget_answers = false;
    w.restart();
    auto again = w.ask(w.actors().wallets.get(), change_money{w.user, bill});
    CHECK(std::get<change_result>(again).why == errc::stale);
    auto r = w.session(id);
    CHECK(r.charged == *rental_total(r, r.billed_ms - r.started_ms));
    w.books_are_right();
  }
  REQUIRE(w.send(end_rental(w.session(id), rental_state::completed, "user", w.wall)) == errc::ok);
  auto r = w.session(id);
  CHECK(r.charged == *rental_total(r, r.ended_ms - r.started_ms));
  CHECK(w.balance(w.user).balance == 100 * one - r.charged);
  w.books_are_right();
}

TEST_CASE("when the answer to a further hour is lost it is held once") {
  renting w;
  auto id = w.start(w.terms());
  w.wall += 54 * minute;
  w.faults.forget_answers = true;
  w.pass(1'500);
  w.faults.forget_answers = false;
  w.pass(3'000);
  CHECK(covered_ms(w.session(id)) == 2 * hour);
  CHECK(w.balance(w.user).held == w.session(id).hold);
  w.books_are_right();
}

TEST_CASE("a job that ends is a request of its day, also when it cost nothing") {
  renting w;
  auto id = w.submit();
  w.must(w.actors().jobs.get(), cancel_job{id, w.user});
  auto days = w.reader().books().usage({w.user, {}, {}, {}, {}});
  REQUIRE(days.size() == 1);
  CHECK(days[0].requests == 1);
  CHECK(days[0].failed == 0);
  CHECK(days[0].cost == 0);
  CHECK(days[0].kind == "noop");
  CHECK(days[0].day == day_of(w.wall));
  w.books_are_right();
}
