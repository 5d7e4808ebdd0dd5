// What every engine must do about billing sessions, days of usage and what was bought.
#pragma once

#include "model/rental.hpp"
#include "model/spending.hpp"
#include "model/usage.hpp"
#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline constexpr int64_t minute_ms = 60'000;

inline rental terms_of(int64_t n, const std::string& user) {
  rental r;
  r.id = id_of("ses", n);
  r.user_id = user;
  r.provider_user = "bob";
  r.node_id = "node_1";
  r.key_id = "key_1";
  r.job_id = "job_" + std::to_string(n);
  r.gpu_model = "nvidia-geforce-rtx-4090";
  r.vram_mb = 10'000;
  r.total_vram_mb = 24'576;
  r.power_w = 450;
  r.base_rate = 500'000'000;
  r.vram_rate = 480'000'000;
  r.power_rate = 450'000;
  r.rate = 980'450'000;
  r.fee_bps = 500;
  r.max_ms = 120 * minute_ms;
  return r;
}

inline change start_of(int64_t n, const std::string& user) {
  return std::get<change>(open_rental(terms_of(n, user), begin_ms));
}

inline const rental& row_of(const change& c) { return c.rents->next; }

inline amount cost_of(const std::vector<usage_add>& all) {
  amount sum = 0;
  for (const auto& x : all) sum += x.cost;
  return sum;
}

TEST_CASE_TEMPLATE("a session is stored as it was agreed and found by both sides, newest first", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto c = start_of(1, "ann");
  d.must(c);
  d.must(start_of(2, "ann"));
  auto& books = d.r->books();
  auto found = books.find_rental(row_of(c).id);
  REQUIRE(found);
  CHECK(found->hold == 2'058'945'000);
  CHECK(found->vram_rate == 480'000'000);
  CHECK(found->key_id == "key_1");
  CHECK(found->due_ms == begin_ms + 120 * minute_ms);
  CHECK(found->state == rental_state::active);
  CHECK_FALSE(books.find_rental("ses_nobody"));
  CHECK(books.list_rentals("ann", false, "", 10).size() == 2);
  CHECK(books.list_rentals("ann", false, "", 10)[0].id == id_of("ses", 2));
  CHECK(books.list_rentals("bob", true, id_of("ses", 2), 10)[0].id == id_of("ses", 1));
  CHECK(books.list_rentals("bob", false, "", 10).empty());
  CHECK(books.active_rentals("node_1").size() == 2);
  CHECK(books.active_rentals("node_2").empty());
  CHECK(books.due_rentals(begin_ms + 120 * minute_ms - 1, 10).empty());
  CHECK(books.due_rentals(begin_ms + 120 * minute_ms, 10).size() == 2);
  CHECK(d.balance(wallet_of("ann")).held == 4'117'890'000);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("the worked example on the books: ninety captures and the rest released", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto c = start_of(1, "ann");
  d.must(c);
  for (int i = 1; i <= 90; ++i) {
    c = tick_rental(row_of(c), {}, begin_ms + i * minute_ms);
    d.must(c);
    if (i % 30 == 0) d.books_are_right();
  }
  CHECK(d.balance(wallet_of("ann")).held == 2'058'945'000 - 1'470'675'000 - 73'533'750);
  c = end_rental(row_of(c), rental_state::completed, "user", begin_ms + 90 * minute_ms);
  d.must(c);
  CHECK(d.balance(earnings("bob")).balance == 1'470'675'000);
  CHECK(d.balance(fees()).balance == 73'533'750);
  CHECK(d.balance(wallet_of("ann")).balance == 8'455'791'250);
  CHECK(d.balance(wallet_of("ann")).held == 0);
  auto stored = d.r->books().find_rental(row_of(c).id);
  CHECK(stored->state == rental_state::completed);
  CHECK(stored->steps == 90);
  CHECK(stored->charged == 1'544'208'750);
  CHECK(d.r->books().due_rentals(INT64_MAX, 10).empty());
  CHECK(d.r->books().active_rentals("node_1").empty());
  CHECK(cost_of(d.r->books().usage({"ann", "", "", "", ""})) == 1'544'208'750);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a session grows by extensions that the wallet can pay, and not by others", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 2'100'000'000));
  auto terms = terms_of(1, "ann");
  terms.max_ms = 0;
  auto c = std::get<change>(open_rental(terms, begin_ms));
  d.must(c);
  c = *extend_rental(row_of(c), row_of(c).due_ms);
  d.must(c);
  CHECK(d.balance(wallet_of("ann")).held == 2'058'945'000);
  d.refused(*extend_rental(row_of(c), row_of(c).due_ms), errc::insufficient_funds);
  auto last = end_rental(row_of(c), rental_state::terminated, "funds", begin_ms + 600 * minute_ms);
  d.must(last);
  CHECK(row_of(last).charged == 2'058'945'000);
  CHECK(d.balance(wallet_of("ann")).balance == 2'100'000'000 - 2'058'945'000);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("of two writers that read the same session one is told to read again", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto c = start_of(1, "ann");
  d.must(c);
  auto one_tick = tick_rental(row_of(c), {}, begin_ms + minute_ms);
  auto other = end_rental(row_of(c), rental_state::completed, "user", begin_ms + 2 * minute_ms);
  d.must(one_tick);
  d.refused(one_tick, errc::stale);
  d.refused(other, errc::stale);
  other = end_rental(row_of(one_tick), rental_state::completed, "user", begin_ms + 2 * minute_ms);
  d.must(other);
  CHECK(d.balance(wallet_of("ann")).balance == 10 * one - *rental_total(row_of(c), 2 * minute_ms));
  d.books_are_right();
}

TEST_CASE_TEMPLATE("what has ended never changes, and what never began does not tick", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto c = start_of(1, "ann");
  auto tick = tick_rental(row_of(c), {}, begin_ms);
  d.refused(tick, errc::not_found);
  d.must(c);
  c = end_rental(row_of(c), rental_state::completed, "user", begin_ms);
  d.must(c);
  d.refused(tick_rental(row_of(c), {}, begin_ms), errc::conflict);
  CHECK(d.balance(wallet_of("ann")).balance == 10 * one);
  CHECK(d.r->books().usage({"ann", "", "", "", ""}).at(0).requests == 1);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("one session per user, node and job: the next may start when it has ended", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 20 * one));
  d.must(grant("t2", wallet_of("cat"), 20 * one));
  auto c = start_of(1, "ann");
  d.must(c);
  auto again = start_of(2, "ann");
  again.rents->next.job_id = row_of(c).job_id;
  d.refused(again, errc::conflict);
  auto of_cat = start_of(3, "cat");
  of_cat.rents->next.job_id = row_of(c).job_id;
  d.must(of_cat);
  d.must(end_rental(row_of(c), rental_state::completed, "user", begin_ms));
  d.must(again);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("no node rents out more memory than it has", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 20 * one));
  auto c = start_of(1, "ann");
  d.must(c);
  auto large = start_of(2, "ann");
  large.rents->next.vram_mb = 14'577;
  d.refused(large, errc::conflict);
  large.rents->next.node_id = "node_2";
  d.must(large);
  auto fits = start_of(3, "ann");
  fits.rents->next.vram_mb = 14'576;
  d.must(fits);
  d.refused(start_of(4, "ann"), errc::conflict);
  d.must(end_rental(row_of(c), rental_state::completed, "user", begin_ms));
  d.must(start_of(4, "ann"));
  d.books_are_right();
}

TEST_CASE_TEMPLATE("usage adds up per day, key, model and kind, also within one commit", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 100 * one));
  d.w->begin();
  std::vector<change> last;
  for (int64_t n = 1; n <= 5; ++n) {
    life l{n, "ann", false};
    for (auto c : {l.submit(), l.claim("node_1", "bob"), l.start(), l.finish()})
      REQUIRE(d.w->apply(c, begin_ms).why == errc::ok);
  }
  d.w->commit();
  d.run(6, "ann");
  auto days = d.r->books().usage({"ann", "", "", "", ""});
  REQUIRE(days.size() == 1);
  CHECK(days[0].requests == 6);
  CHECK(days[0].failed == 0);
  CHECK(days[0].ran_ms == 6 * 1'200);
  CHECK(days[0].kind == "process");
  CHECK(days[0].day == day_of(begin_ms));
  CHECK(days[0].cost == 100 * one - d.balance(wallet_of("ann")).balance);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("sums are asked for by day, key, model or user", E, STORE_ENGINES) {
  desk<E> d;
  int64_t n = 0;
  auto add = [&](const std::string& user, const std::string& day, const std::string& key, const std::string& model,
                 int64_t requests) {
    change c;
    c.usage = usage_add{user, key, model, "inference", day, asset::credit, requests, 0, 1, 2, 3, 0};
    d.must(c);
    n += requests;
  };
  add("ann", "2026-11-20", "k1", "m1", 1);
  add("ann", "2026-11-20", "k2", "m1", 10);
  add("ann", "2026-11-21", "k1", "m2", 100);
  add("cat", "2026-11-22", "k3", "m2", 1'000);
  auto ask = [&](const usage_filter& f, usage_by by) {
    std::string text;
    for (const auto& x : d.r->books().usage_sums(f, by, 100))
      text += x.user_id + x.day + x.key_id + x.model + "=" + std::to_string(x.requests) + " ";
    return text;
  };
  CHECK(ask({"ann", "", "", "", ""}, usage_by::all) == "=111 ");
  CHECK(ask({"ann", "", "", "", ""}, usage_by::day) == "2026-11-20=11 2026-11-21=100 ");
  CHECK(ask({"ann", "", "", "", ""}, usage_by::key) == "k1=101 k2=10 ");
  CHECK(ask({"", "", "", "", ""}, usage_by::model) == "m2=1100 m1=11 ");
  CHECK(ask({"", "", "", "", ""}, usage_by::user) == "cat=1000 ann=111 ");
  CHECK(ask({"", "2026-11-21", "2026-11-21", "", ""}, usage_by::user) == "ann=100 ");
  CHECK(ask({"ann", "", "", "k1", ""}, usage_by::model) == "m2=100 m1=1 ");
  CHECK(ask({"ann", "", "", "", "m1"}, usage_by::key) == "k2=10 k1=1 ");
  CHECK(ask({"nobody", "", "", "", ""}, usage_by::all).empty());
  CHECK(d.r->books().usage_sums({}, usage_by::user, 1).size() == 1);
}

TEST_CASE_TEMPLATE("money that comes round again and again is counted as far as it goes", E, STORE_ENGINES) {
  desk<E> d;
  constexpr amount most = std::numeric_limits<amount>::max();
  auto back = [](const std::string& id) {
    auto c = transfer_of(id, wallet_of("ann"), issuance(), most - 10);
    c.transfers[0].code = transfer_code::internal_transfer;
    return c;
  };
  for (int i = 0; i < 3; ++i) {
    d.must(grant("in" + std::to_string(i), wallet_of("ann"), most - 10));
    d.must(back("out" + std::to_string(i)));
    change c;
    c.usage = usage_add{"cat", "", "m", "inference", "2026-11-2" + std::to_string(i % 2), asset::dgpu, 1, 0,
                        0,     0,  0,   most - 10};
    d.must(c);
  }
  CHECK(d.r->books().credit_totals("ann").at(0).purchased == most);
  CHECK(d.r->books().usage_sums({"cat", "", "", "", ""}, usage_by::all, 10).at(0).cost == most);
  CHECK(d.r->books().usage_sums({"cat", "2026-11-21", "", "", ""}, usage_by::day, 10).at(0).cost == most - 10);
  d.must(grant("on", wallet_of("ann"), one));
  CHECK(d.r->books().credit_totals("ann").at(0).purchased == most);
}

TEST_CASE_TEMPLATE("what was bought is counted once, however often it is sent", E, STORE_ENGINES) {
  desk<E> d;
  d.w->begin();
  for (int i = 0; i < 3; ++i) REQUIRE(d.w->apply(grant("t1", wallet_of("ann"), 5 * one), begin_ms).why == errc::ok);
  d.w->commit();
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto twice = grant("t2", wallet_of("ann"), 2 * one);
  twice.transfers.push_back(twice.transfers[0]);
  d.must(twice);
  d.must(grant("t3", earnings("ann"), one));
  auto totals = d.r->books().credit_totals("ann");
  REQUIRE(totals.size() == 1);
  CHECK(totals[0].currency == asset::dgpu);
  CHECK(totals[0].purchased == 7 * one);
  CHECK(totals[0].consumed == 0);
  d.run(1, "ann");
  CHECK(d.r->books().credit_totals("ann").at(0).consumed == 7 * one - d.balance(wallet_of("ann")).balance);
  CHECK(d.r->books().credit_totals("nobody").empty());
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a purchase that is undone was none", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  d.must(grant("t2", wallet_of("ann"), 3 * one));
  change c;
  c.corrects = correction{"t1", "by mistake"};
  d.must(c);
  CHECK(d.r->books().credit_totals("ann").at(0).purchased == 3 * one);
  d.books_are_right();
}

}  // namespace troupe::lives
