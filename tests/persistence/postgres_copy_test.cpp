// An installation that moves from SQLite to PostgreSQL, and back.
#include "persistence/copy.hpp"

#include "tests/persistence/desk.hpp"
#include "tests/persistence/postgres_engine.hpp"
#include "tests/persistence/sqlite_engine.hpp"

using namespace troupe;
using namespace troupe::lives;

namespace {

/// Money, a job that ended, one that runs and one that waits.
template <class Engine>
void live(desk<Engine>& d) {
  d.must(grant("t1", wallet_of("ann"), 100 * one));
  d.run(1, "ann");
  life second{2, "ann", false};
  d.must(second.submit());
  d.must(second.claim("node_1", "provider"));
  d.must(second.start());
  d.must(hold_of(3, "ann", one));
}

void silent(const std::string&, int64_t) {}

/// Closes writer and reader, which keep others out.
template <class Engine>
void close(desk<Engine>& d) {
  d.w.reset();
  d.r.reset();
}

}  // namespace

TEST_CASE("a copied installation has the same books, jobs and chain, and goes on") {
  desk<sqlite_engine> old;
  live(old);
  close(old);
  postgres_engine engine;
  auto target = engine.open();
  auto found = copy_store(*old.db, *target, silent);
  CHECK(found.breaches.empty());
  CHECK(found.jobs == 3);
  auto w = target->open_writer();
  auto r = target->open_reader();
  CHECK(r->balances("ann").size() == 1);
  CHECK(r->find_job(id_of("job", 1))->row.state == job_state::succeeded);
  CHECK(r->find_job(id_of("job", 1))->result);
  w->begin();
  CHECK(w->apply(grant("t2", wallet_of("bob"), one), begin_ms).why == errc::ok);
  CHECK(w->apply(hold_of(4, "ann", one), begin_ms).why == errc::ok);
  w->commit();
  CHECK(target->verify().breaches.empty());
}

TEST_CASE("the way back is as good") {
  desk<postgres_engine> old;
  live(old);
  close(old);
  sqlite_engine engine;
  auto target = engine.open();
  CHECK(copy_store(*old.db, *target, silent).breaches.empty());
  postgres_engine third;
  auto again = third.open();
  copy_store(*target, *again, silent);
  std::string first_export, last_export;
  old.db->export_journal(false, [&](const std::string& line) { first_export += line; });
  again->export_journal(false, [&](const std::string& line) { last_export += line; });
  CHECK(first_export == last_export);
}

TEST_CASE("nothing is copied into a place that has something, or from under a running server") {
  desk<sqlite_engine> old;
  live(old);
  postgres_engine engine;
  auto target = engine.open();
  CHECK_THROWS_AS(copy_store(*old.db, *target, silent), store_unavailable);
  close(old);
  copy_store(*old.db, *target, silent);
  auto before = engine.dump();
  CHECK_THROWS_AS(copy_store(*old.db, *target, silent), store_unavailable);
  CHECK(engine.dump() == before);
}

TEST_CASE("books that are not right are not copied, and leave nothing behind") {
  desk<sqlite_engine> old;
  live(old);
  close(old);
  CHECK(old.engine.edit("UPDATE accounts SET balance=balance+1 WHERE owner='ann'") == 1);
  postgres_engine engine;
  auto target = engine.open();
  auto before = engine.dump();
  CHECK_THROWS_AS(copy_store(*old.db, *target, silent), store_unavailable);
  CHECK(engine.dump() == before);
}
