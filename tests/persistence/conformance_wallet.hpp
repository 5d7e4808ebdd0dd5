// What every engine must do about wallets, money on its way out, ceilings and low balances.
#pragma once

#include "model/withdrawal.hpp"
#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline const std::string an_address = "So11111111111111111111111111111111111111112";
inline account_key in_transit() { return {std::string{platform_owner}, account_kind::in_transit, asset::dgpu}; }
inline account_key payable_of(const std::string& user) { return {user, account_kind::payable, asset::dgpu}; }
inline account_key stake_of(const std::string& user) { return {user, account_kind::stake, asset::dgpu}; }

inline change withdrawal_of(int64_t n, const std::string& user, amount value, time_ms at = begin_ms,
                            account_kind source = account_kind::available) {
  auto made = reserve_withdrawal({user, an_address, source, asset::dgpu, value}, {}, id_of("wdr", n), at);
  REQUIRE(std::holds_alternative<change>(made));
  return std::get<change>(made);
}

TEST_CASE_TEMPLATE("a wallet is told once, and its address is of nobody else", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.wallet = wallet_row{"ann", "user", an_address, begin_ms};
  d.must(c);
  auto found = d.r->books().find_wallet("ann");
  REQUIRE(found);
  CHECK(found->solana_address == an_address);
  CHECK(found->wallet_type == "user");
  d.refused(c, errc::conflict);
  c.wallet->owner = "bob";
  d.refused(c, errc::conflict);
  c.wallet->solana_address = "";
  d.must(c);
  c.wallet->owner = "cyd";
  d.must(c);  // no address is no address of another
}

TEST_CASE_TEMPLATE("a withdrawal is held, then captured for the chain", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 100 * one));
  auto c = withdrawal_of(1, "ann", 30 * one);
  d.must(c);
  CHECK(d.balance(wallet_of("ann")).held == 30 * one);
  auto row = d.r->books().find_withdrawal(id_of("wdr", 1));
  REQUIRE(row);
  CHECK(row->state == withdrawal_state::reserved);
  CHECK(row->value == 30 * one);
  CHECK(row->to_address == an_address);
  d.refused(c, errc::conflict);
  d.books_are_right();
  d.must(approve_withdrawal(*row, "seen", begin_ms + 5));
  CHECK(d.balance(wallet_of("ann")).balance == 70 * one);
  CHECK(d.balance(wallet_of("ann")).held == 0);
  CHECK(d.balance(in_transit()).balance == 30 * one);
  auto after = d.r->books().find_withdrawal(row->id);
  CHECK(after->state == withdrawal_state::approved);
  CHECK(after->note == "seen");
  CHECK(after->changed_ms == begin_ms + 5);
  CHECK(d.r->books().withdrawn(wallet_of("ann")) == 30 * one);
  d.refused(approve_withdrawal(*row, "again", begin_ms + 6), errc::conflict);
  d.refused(cancel_withdrawal(*row, "too late", begin_ms + 6), errc::conflict);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a cancelled withdrawal gives everything back, once", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 100 * one));
  auto row = withdrawal_of(1, "ann", 30 * one).withdraws->row;
  d.must(withdrawal_of(1, "ann", 30 * one));
  d.must(cancel_withdrawal(row, "no", begin_ms + 1));
  CHECK(d.balance(wallet_of("ann")).held == 0);
  CHECK(d.balance(wallet_of("ann")).balance == 100 * one);
  d.refused(cancel_withdrawal(row, "no", begin_ms + 2), errc::conflict);
  d.refused(approve_withdrawal(row, "yes", begin_ms + 2), errc::conflict);
  d.refused(cancel_withdrawal(withdrawal_of(7, "ann", one).withdraws->row, "", begin_ms), errc::not_found);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("the limit of the rolling day counts what was taken, not what was given back", E, STORE_ENGINES) {
  desk<E> d;
  constexpr time_ms hour = 3'600'000;
  d.must(grant("t1", wallet_of("ann"), 20'000 * one));
  d.must(grant("t2", payable_of("ann"), 20'000 * one));
  for (int64_t n = 1; n <= 5; ++n) d.must(withdrawal_of(n, "ann", 1000 * one, begin_ms + n * hour));
  auto one_more = withdrawal_of(6, "ann", 1, begin_ms + 6 * hour);
  d.refused(one_more, errc::limit_exceeded);
  d.must(withdrawal_of(7, "ann", 1000 * one, begin_ms + 6 * hour, account_kind::payable));  // another account
  d.must(cancel_withdrawal(withdrawal_of(2, "ann", 1000 * one, begin_ms + 2 * hour).withdraws->row, "", begin_ms));
  d.must(one_more);
  d.refused(withdrawal_of(8, "ann", 1000 * one, begin_ms + 6 * hour), errc::limit_exceeded);
  d.must(withdrawal_of(8, "ann", 1000 * one - 1, begin_ms + 6 * hour));
  d.refused(withdrawal_of(9, "ann", 1000 * one, begin_ms + 25 * hour - 1), errc::limit_exceeded);
  d.must(withdrawal_of(9, "ann", 1000 * one, begin_ms + 25 * hour));  // the first one was a day ago
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a withdrawal without its money, or its hold, leaves no trace", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  d.refused(withdrawal_of(1, "ann", 10 * one + 1), errc::insufficient_funds);
  auto c = withdrawal_of(1, "ann", 5 * one);
  SUBCASE("no hold") { c.opens.reset(); }
  SUBCASE("a smaller hold") { c.opens->value -= 1; }
  SUBCASE("the hold of another") { c.opens->account.owner = "bob"; }
  SUBCASE("another account") { c.opens->account.kind = account_kind::stake; }
  d.refused(c, errc::invalid);
}

TEST_CASE_TEMPLATE("a withdrawal does not move without its hold, nor its hold by another sum", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto row = withdrawal_of(1, "ann", 5 * one).withdraws->row;
  d.must(withdrawal_of(1, "ann", 5 * one));
  auto c = approve_withdrawal(row, "", begin_ms);
  SUBCASE("no hold") { c.closes.reset(); }
  SUBCASE("less") { c.closes->paid.subtotal -= 1; }
  SUBCASE("a fee") { c.closes->paid = {5 * one - 1, 1}; }
  d.refused(c, errc::invalid);
}

TEST_CASE_TEMPLATE("what was reserved too long ago is not approved, and is found as lapsed", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto row = withdrawal_of(1, "ann", 5 * one).withdraws->row;
  d.must(withdrawal_of(1, "ann", 5 * one));
  CHECK(d.r->books().lapsed_withdrawals(row.expires_ms - 1, 10).empty());
  CHECK(d.r->books().lapsed_withdrawals(row.expires_ms, 10).size() == 1);
  d.refused(approve_withdrawal(row, "", row.expires_ms), errc::conflict);
  d.must(cancel_withdrawal(row, "lapsed", row.expires_ms));
  CHECK(d.r->books().lapsed_withdrawals(row.expires_ms, 10).empty());
}

TEST_CASE_TEMPLATE("a payout takes its fee to the platform", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", payable_of("bob"), 100 * one));
  auto c = withdrawal_of(1, "bob", 100 * one, begin_ms, account_kind::payable);
  d.must(c);
  d.must(approve_withdrawal(c.withdraws->row, "", begin_ms));
  CHECK(d.balance(payable_of("bob")).balance == 0);
  CHECK(d.balance(in_transit()).balance == 99 * one);
  CHECK(d.balance(fees()).balance == one);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("at most half of a stake is slashed", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", stake_of("ann"), 10 * one));
  auto slash = [](const std::string& id, amount value) {
    auto c = transfer_of(id, stake_of("ann"), fees(), value);
    c.transfers[0].code = transfer_code::slash;
    return c;
  };
  d.refused(slash("s1", 5 * one + 1), errc::conflict);
  d.must(slash("s1", 5 * one));
  d.must(slash("s1", 5 * one));  // sent again: the same
  CHECK(d.balance(stake_of("ann")).balance == 5 * one);
  d.refused(slash("s2", 3 * one), errc::conflict);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a ceiling is set, changed and removed", E, STORE_ENGINES) {
  desk<E> d;
  auto set = [&](const std::string& period, asset currency, amount limit) {
    change c;
    c.spend_limits.push_back({"user:ann", period, currency, limit});
    d.must(c);
    return d.r->books().spend_limits("user:ann");
  };
  CHECK(set("day", asset::dgpu, 5).size() == 1);
  CHECK(set("day", asset::credit, 6).size() == 2);
  CHECK(set("month", asset::dgpu, 7).size() == 3);
  auto all = set("day", asset::dgpu, 9);
  REQUIRE(all.size() == 3);
  amount of_day = 0;
  for (auto& x : all)
    if (x.period == "day" && x.currency == asset::dgpu) of_day = x.limit;
  CHECK(of_day == 9);
  CHECK(set("day", asset::dgpu, 0).size() == 2);
  CHECK(set("total", asset::dgpu, 0).size() == 2);
  CHECK(d.r->books().spend_limits("user:bob").empty());
}

TEST_CASE_TEMPLATE("falling below the low balance is told once, in the same transaction", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto warned = [&](change c) {
    c.low_balance = 5 * one;
    auto before = d.r->last_event();
    auto name = d.must(c).warned;
    int told = 0;
    for (auto& e : d.r->events_after("ann", "", before, 100))
      if (e.kind == "low_balance") {
        ++told;
        CHECK(e.value == d.balance(wallet_of("ann")).balance - d.balance(wallet_of("ann")).held);
      }
    CHECK((name == "ann") == (told == 1));
    return told;
  };
  CHECK(warned(withdrawal_of(1, "ann", 5 * one)) == 0);  // exactly 5 is not below 5
  CHECK(warned(withdrawal_of(2, "ann", 1)) == 1);
  CHECK(warned(withdrawal_of(3, "ann", one)) == 0);  // it was below before
  CHECK(warned(cancel_withdrawal(withdrawal_of(1, "ann", 5 * one).withdraws->row, "", begin_ms)) == 0);
  CHECK(warned(transfer_of("s1", wallet_of("ann"), stake_of("ann"), 5 * one)) == 1);
  CHECK(warned(transfer_of("s1", wallet_of("ann"), stake_of("ann"), 5 * one)) == 0);
}

TEST_CASE_TEMPLATE("a history is walked newest first, as far as somebody wants, with the balances of its start", E,
                   STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  d.must(grant("t2", wallet_of("bob"), one));
  d.must(withdrawal_of(1, "ann", 2 * one));
  d.must(transfer_of("t3", wallet_of("ann"), stake_of("ann"), one));
  d.must(transfer_of("t4", wallet_of("ann"), wallet_of("bob"), 3 * one));
  std::vector<std::string> ids;
  auto all = d.r->books().walk_transactions("ann", [&](const transaction_row& t) {
    ids.push_back(t.id);
    return true;
  });
  CHECK(ids == std::vector<std::string>{"t4", "t3", "hold_" + id_of("wdr", 1) + "/hold", "t1"});
  REQUIRE(all.size() == 2);
  CHECK(all[0].balance == 6 * one);
  CHECK(all[0].held == 2 * one);
  CHECK(all[1].account == stake_of("ann"));
  CHECK(all[1].balance == one);
  ids.clear();
  d.r->books().walk_transactions("ann", [&](const transaction_row& t) {
    ids.push_back(t.id);
    return ids.size() < 2;
  });
  CHECK(ids == std::vector<std::string>{"t4", "t3"});
  CHECK(d.r->books().walk_transactions("nobody", [](auto&) { return true; }).empty());
  auto found = d.r->books().find_transaction("t4");
  REQUIRE(found);
  CHECK(found->value == 3 * one);
  CHECK(found->credit == wallet_of("bob"));
  CHECK_FALSE(d.r->books().find_transaction("t5"));
}

}  // namespace troupe::lives
