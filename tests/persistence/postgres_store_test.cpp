// The PostgreSQL engine: the suite of all engines, and what only a server can do: go away and come back.
#define STORE_ENGINES postgres_engine
#include "tests/persistence/postgres_engine.hpp"
// The engine first: the suite names it.
#include "tests/persistence/store_conformance.hpp"

using namespace troupe;
using namespace troupe::lives;

namespace {

/// Ends every connection of the database, as a restart of the server does.
void cut_all(postgres_engine& engine) {
  engine.edit(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database()"
      " AND pid <> pg_backend_pid()");
}

}  // namespace

TEST_CASE("a second server on the same database is refused, until the first is gone") {
  postgres_engine engine;
  auto one_store = engine.open();
  auto first = one_store->open_writer();
  auto other = engine.open();
  CHECK_THROWS_AS(other->open_writer(), store_unavailable);
  first.reset();
  CHECK_NOTHROW(other->open_writer());
}

TEST_CASE("a writer that lost its connection loses the group, and the next one goes through") {
  desk<postgres_engine> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  d.w->begin();
  CHECK(d.w->apply(grant("t2", wallet_of("ann"), one), begin_ms).why == errc::ok);
  cut_all(d.engine);
  CHECK_THROWS_AS(d.w->commit(), store_unavailable);
  d.w->rollback();
  d.must(grant("t3", wallet_of("ann"), one));
  CHECK(d.balance(wallet_of("ann")).balance == 6 * one);
  d.books_are_right();
}

TEST_CASE("a reader whose connection was cut reads on a new one") {
  desk<postgres_engine> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  CHECK(d.balance(wallet_of("ann")).balance == 5 * one);
  cut_all(d.engine);
  CHECK(d.balance(wallet_of("ann")).balance == 5 * one);
}

TEST_CASE("a group that was announced is applied as one that was not") {
  desk<postgres_engine> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  auto known = grant("t1", wallet_of("ann"), 5 * one);
  auto fresh = grant("t2", wallet_of("bob"), one);
  auto again = fresh;
  auto held = hold_of(1, "ann", 2 * one);
  held.once = idempotency_row{"ann POST /jobs", "k", "hash", 202, "{}"};
  auto held_again = held;
  d.w->begin({&known, &fresh, &again, &held, &held_again});
  CHECK(d.w->apply(known, begin_ms).why == errc::ok);
  CHECK(d.w->apply(fresh, begin_ms).why == errc::ok);
  CHECK(d.w->apply(again, begin_ms).why == errc::ok);
  CHECK(d.w->apply(held, begin_ms).why == errc::ok);
  CHECK(d.w->apply(held_again, begin_ms).replayed);
  d.w->commit();
  CHECK(d.balance(wallet_of("ann")).balance == 5 * one);
  CHECK(d.balance(wallet_of("ann")).held == 2 * one);
  CHECK(d.balance(wallet_of("bob")).balance == one);
  d.books_are_right();
}

TEST_CASE("texts that PostgreSQL cannot hold come back byte for byte") {
  using namespace std::string_literals;
  for (auto text : {"nul \0 inside"s, "broken \xff utf-8"s, "\x1ahex:00"s, "\xed\xa0\x80"s, "plain \xc3\xa9"s}) {
    desk<postgres_engine> own;
    own.must(grant("t1", wallet_of("ann"), one));
    life l{1, "ann", false};
    auto c = l.submit();
    c.submits->spec.description = text;
    c.submits->spec.tags = {text};
    own.must(c);
    auto view = own.r->find_job(c.submits->row.id);
    REQUIRE(view);
    CHECK(view->spec.description == text);
    CHECK(view->spec.tags == std::vector<std::string>{text});
  }
}

TEST_CASE("every change of the books shows in the audit here, too") {
  desk<postgres_engine> d;
  d.must(grant("t1", wallet_of("ann"), 100 * one));
  d.run(1, "ann");
  d.books_are_right();
  CHECK(d.engine.edit("UPDATE accounts SET balance=balance+1 WHERE owner='ann'") == 1);
  CHECK(d.db->verify().breaches.size() == 2);
  CHECK(d.engine.edit("UPDATE accounts SET balance=balance-1 WHERE owner='ann'") == 1);
  CHECK(d.engine.edit("UPDATE journal SET note='x' WHERE seq=1") == 1);
  CHECK_FALSE(d.db->verify().breaches.empty());
}

TEST_CASE("the store itself refuses an overdraft behind our back") {
  desk<postgres_engine> d;
  d.must(grant("t1", wallet_of("ann"), one));
  CHECK_THROWS_AS(d.engine.edit("UPDATE accounts SET balance=-1 WHERE owner='ann'"), pqxx::check_violation);
}
