// What every engine must do about money.
#pragma once

#include <limits>

#include "tests/persistence/desk.hpp"

namespace troupe::lives {

TEST_CASE_TEMPLATE("a grant makes the account and tells the new balance", E, STORE_ENGINES) {
  desk<E> d;
  CHECK(d.must(grant("t1", wallet_of("ann"), 5 * one)).balance == 5 * one);
  CHECK(d.must(grant("t2", wallet_of("ann"), 2 * one)).balance == 7 * one);
  CHECK(d.balance(wallet_of("ann")).balance == 7 * one);
  CHECK(d.balance(issuance()).balance == -7 * one);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a transfer sent twice is posted once", E, STORE_ENGINES) {
  desk<E> d;
  auto c = grant("t1", wallet_of("ann"), 5 * one);
  d.must(c);
  auto before = d.engine.dump();
  CHECK(d.must(c).balance == 5 * one);
  CHECK(d.engine.dump() == before);
  c.transfers.push_back(c.transfers[0]);
  c.transfers[0].id = c.transfers[1].id = "t2";
  CHECK(d.must(c).balance == 10 * one);
}

TEST_CASE_TEMPLATE("an id that comes again with other content is refused", E, STORE_ENGINES) {
  desk<E> d;
  auto c = grant("t1", wallet_of("ann"), 5 * one);
  d.must(c);
  SUBCASE("amount") { c.transfers[0].value += 1; }
  SUBCASE("account") { c.transfers[0].credit.owner = "bob"; }
  SUBCASE("code") { c.transfers[0].code = transfer_code::deposit; }
  SUBCASE("note") { c.transfers[0].note = "else"; }
  SUBCASE("a row of a hold") {
    auto h = hold_of(1, "ann", one);
    d.must(h);
    c.transfers[0].id = h.opens->id + "/hold";
  }
  d.refused(c, errc::conflict);
}

TEST_CASE_TEMPLATE("a malformed transfer is refused", E, STORE_ENGINES) {
  desk<E> d;
  auto c = grant("t1", wallet_of("ann"), one);
  SUBCASE("nothing to move") { c.transfers[0].value = 0; }
  SUBCASE("less than nothing") { c.transfers[0].value = -1; }
  SUBCASE("no id") { c.transfers[0].id = ""; }
  SUBCASE("to itself") { c.transfers[0].credit = c.transfers[0].debit; }
  SUBCASE("to another asset") { c.transfers[0].credit.currency = asset::credit; }
  d.refused(c, errc::invalid);
}

TEST_CASE_TEMPLATE("nobody spends what they do not have", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  d.must(hold_of(1, "ann", 2 * one));
  auto no = d.refused(transfer_of("t2", wallet_of("ann"), wallet_of("bob"), 3 * one + 1), errc::insufficient_funds);
  CHECK(no.required == 3 * one + 1);
  CHECK(no.available == 3 * one);
  CHECK(no.balance == 5 * one);
  d.refused(transfer_of("t3", wallet_of("nobody"), wallet_of("bob"), 1), errc::insufficient_funds);
  d.refused(transfer_of("t4", earnings("ann"), wallet_of("ann"), 1), errc::insufficient_funds);
  d.must(transfer_of("t5", wallet_of("ann"), wallet_of("bob"), 3 * one));
  d.books_are_right();
}

TEST_CASE_TEMPLATE("transfers of one change see each other", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto c = transfer_of("t2", wallet_of("ann"), wallet_of("bob"), 3 * one);
  c.transfers.push_back(transfer_of("t3", wallet_of("ann"), wallet_of("bob"), 3 * one).transfers[0]);
  d.refused(c, errc::insufficient_funds);
  c.transfers[1].debit = wallet_of("bob");
  c.transfers[1].credit = wallet_of("cat");
  d.must(c);
  CHECK(d.balance(wallet_of("bob")).balance == 0);
  CHECK(d.balance(wallet_of("cat")).balance == 3 * one);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("holds never reserve more than there is, however many", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  amount held = 0;
  int refusals = 0;
  for (int64_t n = 1; n <= 40; ++n) {
    auto value = (n * 7919 % 13 + 1) * one / 10;
    auto c = hold_of(n, "ann", value);
    if (held + value <= 10 * one) {
      d.must(c);
      held += value;
    } else {
      auto no = d.refused(c, errc::insufficient_funds);
      CHECK(no.available == 10 * one - held);
      ++refusals;
    }
    CHECK(d.balance(wallet_of("ann")).held == held);
  }
  CHECK(refusals > 0);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a balance beyond int64 is refused", E, STORE_ENGINES) {
  desk<E> d;
  auto most = std::numeric_limits<amount>::max();
  d.must(grant("t1", wallet_of("ann"), most - 1));
  d.refused(grant("t2", wallet_of("ann"), 2), errc::conflict);
  d.refused(grant("t3", wallet_of("bob"), 3), errc::conflict);  // the issuance would be below int64
  d.must(grant("t4", wallet_of("ann"), 1));
  CHECK(d.balance(wallet_of("ann")).balance == most);
}

TEST_CASE_TEMPLATE("the end of a hold pays the provider and the platform and releases the rest", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto l = d.run(1, "ann");
  auto subtotal = price_of(l.row(), 1'200, 0, 0).subtotal;
  CHECK(subtotal > 0);
  CHECK(d.balance(wallet_of("ann")).balance == 5 * one - l.row().cost);
  CHECK(d.balance(wallet_of("ann")).held == 0);
  CHECK(d.balance(earnings("provider")).balance == subtotal);
  CHECK(d.balance(fees()).balance == l.row().cost - subtotal);
  auto rows = d.r->transactions("ann", 50, 0, l.row().id);
  REQUIRE(rows.size() == 4);
  std::vector<std::pair<std::string, amount>> found;
  for (const auto& t : rows) found.emplace_back(t.id, t.value);
  const auto& h = l.row().hold_id;
  CHECK(found == std::vector<std::pair<std::string, amount>>{{h + "/release", l.row().hold - l.row().cost},
                                                             {h + "/fee", l.row().cost - subtotal},
                                                             {h + "/provider", subtotal},
                                                             {h + "/hold", l.row().hold}});
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a hold is resolved once, for its job, and for no more than it is", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto opened = hold_of(1, "ann", one);
  d.must(opened);
  change c;
  c.closes = hold_close{opened.opens->id, opened.opens->job_id, earnings("bob"), {one / 2, one / 10}};
  SUBCASE("unknown") { c.closes->id = "other"; }
  SUBCASE("another job") { c.closes->job_id = "other"; }
  SUBCASE("subtotal too large") { c.closes->paid.subtotal = one + 1; }
  SUBCASE("fee too large") { c.closes->paid.fee = one / 2 + 1; }
  SUBCASE("sum overflows") { c.closes->paid = {one, std::numeric_limits<amount>::max()}; }
  SUBCASE("twice") {
    d.must(c);
    CHECK(d.balance(wallet_of("ann")).held == 0);
  }
  d.refused(c, errc::conflict);
}

TEST_CASE_TEMPLATE("a settlement that makes no sense is refused", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto opened = hold_of(1, "ann", one);
  d.must(opened);
  change c;
  c.closes = hold_close{opened.opens->id, opened.opens->job_id, earnings("bob"), {one / 2, 0}};
  SUBCASE("below nothing") { c.closes->paid = {one, -1}; }
  SUBCASE("to another asset") { c.closes->provider.currency = asset::credit; }
  SUBCASE("to the payer's own account") { c.closes->provider = wallet_of("ann"); }
  d.refused(c, errc::invalid);
}

TEST_CASE_TEMPLATE("what is nothing writes no journal row", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto opened = hold_of(1, "ann", one);
  d.must(opened);
  change c;
  c.closes = hold_close{opened.opens->id, opened.opens->job_id, earnings("bob"), {}};
  size_t rows = 2;
  SUBCASE("all released") {}
  SUBCASE("all captured") { c.closes->paid = {one, 0}; }
  SUBCASE("captured by both") {
    c.closes->paid = {one - 1, 1};
    rows = 3;
  }
  d.must(c);
  CHECK(d.r->transactions("ann", 50, 0, opened.opens->job_id).size() == rows);
  CHECK(d.balance(wallet_of("ann")).held == 0);
}

TEST_CASE_TEMPLATE("a hold of nothing is opened and resolved without money", E, STORE_ENGINES) {
  desk<E> d;
  auto opened = hold_of(1, "ann", 0);
  d.must(opened);
  change c;
  c.closes = hold_close{opened.opens->id, opened.opens->job_id, earnings("bob"), {}};
  d.must(c);
  d.refused(c, errc::conflict);
  CHECK(d.r->count_transactions("ann") == 0);
}

TEST_CASE_TEMPLATE("a hold that is already there, or below nothing, is refused", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto c = hold_of(1, "ann", one);
  d.must(c);
  c.submits.reset();
  d.refused(c, errc::conflict);
  c.opens->id = "new";
  c.opens->value = -1;
  d.refused(c, errc::invalid);
}

TEST_CASE_TEMPLATE("transactions are paged, newest first, each once", E, STORE_ENGINES) {
  desk<E> d;
  std::vector<std::string> ids;
  for (int i = 0; i < 30; ++i) {
    auto id = "t" + std::to_string(i);
    auto to = i % 3 == 0 ? wallet_of("bob") : i % 3 == 1 ? wallet_of("ann") : earnings("ann");
    d.must(grant(id, to, one));
    if (to.owner == "ann") ids.insert(ids.begin(), id);
  }
  d.must(transfer_of("mine", earnings("ann"), wallet_of("ann"), one));  // two accounts of one owner: one row
  ids.insert(ids.begin(), "mine");
  CHECK(d.r->count_transactions("ann") == std::ssize(ids));
  std::vector<std::string> found;
  for (int offset = 0; offset < 40; offset += 4)
    for (const auto& t : d.r->transactions("ann", 4, offset, "")) found.push_back(t.id);
  CHECK(found == ids);
  CHECK(d.r->transactions("nobody", 10, 0, "").empty());
  CHECK(d.r->transactions("ann", 10, 0, "no job").empty());
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a job's transactions are shown to those whom they touch", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto l = d.run(1, "ann");
  CHECK(d.r->transactions("ann", 10, 1, l.row().id).size() == 3);
  CHECK(d.r->transactions("ann", 2, 0, l.row().id).size() == 2);
  CHECK(d.r->transactions("provider", 10, 0, l.row().id).size() == 1);
  CHECK(d.r->transactions("bob", 10, 0, l.row().id).empty());
  auto t = d.r->transactions("provider", 10, 0, "")[0];
  CHECK(t.code == transfer_code::provider_share);
  CHECK(t.debit == wallet_of("ann"));
  CHECK(t.credit == earnings("provider"));
  CHECK(t.job_id == l.row().id);
  CHECK(t.hold_id == l.row().hold_id);
  CHECK(t.at_ms == begin_ms);
}

}  // namespace troupe::lives
