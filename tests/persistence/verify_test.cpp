// The audit must see any single unit that somebody moved by hand.
#include "tests/persistence/desk.hpp"
#include "tests/persistence/sqlite_engine.hpp"

namespace troupe::lives {

namespace {

/// Jobs in every stage: queued, running, completed, failed, cancelled, and one that was lost and came back late.
struct lived_in : desk<sqlite_engine> {
  lived_in() {
    must(grant("t1", wallet_of("ann"), 100 * one));
    run(1, "ann");
    must(life{2, "ann", false}.submit());
    life running{3, "ann", false}, failed{4, "ann", false}, cancelled{5, "ann", false}, late{6, "ann", false};
    must(running.submit());
    must(running.claim("node_1", "provider"));
    must(running.start());
    must(failed.submit());
    must(failed.claim("node_1", "provider"));
    run_report report;
    report.outcome = run_outcome::failed;
    report.ran_ms = 900;
    report.error_code = "exit_code";
    must(failed.finish(report));
    must(cancelled.submit());
    must(cancelled.step_of(job_input::cancel{}, 5));
    must(late.submit());
    must(late.claim("node_1", "provider"));
    must(late.start());
    must(late.step_of(job_input::lost{late.row().lease_epoch}, 20));
    must(late.finish());
    REQUIRE(late.row().state == job_state::succeeded);
  }
  bool right() { return db->verify().breaches.empty(); }
};

}  // namespace

TEST_CASE("the books of a busy day are right, and are counted") {
  lived_in d;
  d.books_are_right();
  auto found = d.db->verify();
  CHECK(found.jobs == 6);
  CHECK(found.holds == 6);
  CHECK(found.accounts == 4);
  CHECK(found.journal_rows == d.r->count_transactions("ann"));
}

TEST_CASE("one unit more or less in any amount is a breach") {
  lived_in d;
  std::vector<std::pair<std::string, std::string>> amounts{
      {"accounts", "balance"}, {"accounts", "held"},  {"journal", "amount"}, {"holds", "amount"},
      {"holds", "captured"},   {"holds", "released"}, {"jobs", "hold"},      {"jobs", "cost"},
  };
  for (const auto& place : amounts) {
    const auto& table = place.first;
    const auto& column = place.second;
    auto key = table == "journal" ? "seq" : "id";
    int rows = 0;
    auto all = d.engine.edit("UPDATE " + table + " SET " + column + "=" + column);
    for (; rows < all; ++rows) {
      auto where = std::string{" WHERE "} + key + "=(SELECT " + key + " FROM " + table + " ORDER BY " + key +
                   " LIMIT 1 OFFSET " + std::to_string(rows) + ")";
      for (const auto* by : {"+1", "-1"}) {
        INFO(table << "." << column << by << where);
        auto back = *by == '+' ? "-1" : "+1";
        REQUIRE(d.engine.edit("UPDATE " + table + " SET " + column + "=" + column + by + where) == 1);
        CHECK_FALSE(d.right());
        REQUIRE(d.engine.edit("UPDATE " + table + " SET " + column + "=" + column + back + where) == 1);
      }
    }
    CHECK(rows > 0);
  }
  d.books_are_right();
}

TEST_CASE("every other edit that touches money is a breach") {
  auto job = [](int64_t n) { return "'" + id_of("job", n) + "'"; };
  auto hold = [](int64_t n) { return "'" + id_of("hold", n) + "'"; };
  const std::vector<std::string> edits{
      "UPDATE journal SET at_ms=at_ms+1 WHERE seq=3",
      "UPDATE journal SET note='x' WHERE seq=1",
      "UPDATE journal SET job_id='x' WHERE seq=2",
      "UPDATE journal SET id='x' WHERE seq=2",
      "UPDATE journal SET credit=debit WHERE seq=1",
      "UPDATE journal SET debit=77 WHERE seq=1",
      "UPDATE journal SET debit_before=0 WHERE seq=4",
      "UPDATE journal SET hash=zeroblob(32) WHERE seq=2",
      "UPDATE journal SET hash=zeroblob(32) WHERE seq=(SELECT max(seq) FROM journal)",
      "DELETE FROM journal WHERE seq=4",
      "DELETE FROM journal WHERE seq=(SELECT max(seq) FROM journal)",
      "UPDATE accounts SET owner='bob' WHERE owner='ann'",
      "UPDATE accounts SET entries=entries+1 WHERE owner='ann'",
      "UPDATE accounts SET newest=newest-1 WHERE owner='ann'",
      "INSERT INTO accounts(owner,kind,asset,balance,held,entries,newest) VALUES('bob',10,2,5,0,0,0)",
      "DELETE FROM holds WHERE id=" + hold(1),
      "UPDATE holds SET state=1, captured=0, released=0 WHERE id=" + hold(1),
      "UPDATE holds SET state=2 WHERE id=" + hold(2),
      "UPDATE holds SET job_id='x' WHERE id=" + hold(2),
      "UPDATE jobs SET hold_id='', hold=0 WHERE id=" + job(2),
      "UPDATE jobs SET hold_id=" + hold(1) + " WHERE id=" + job(2),
      "UPDATE jobs SET state=12, ended=2 WHERE id=" + job(2),
      "UPDATE jobs SET state=2, ended=0 WHERE id=" + job(5),
      "UPDATE jobs SET state=9 WHERE id=" + job(1),
      "UPDATE jobs SET ended=0 WHERE id=" + job(1),
      "UPDATE jobs SET lease_epoch=0 WHERE id=" + job(1),
      "UPDATE jobs SET node_rate=node_rate*2 WHERE id=" + job(1),
      "UPDATE jobs SET fee_bps=fee_bps+100 WHERE id=" + job(1),
      "UPDATE attempts SET ran_ms=ran_ms+100 WHERE job_id=" + job(1),
      "UPDATE attempts SET outcome=2 WHERE job_id=" + job(1),
      "UPDATE attempts SET outcome=1 WHERE job_id=" + job(4),
      "DELETE FROM attempts WHERE job_id=" + job(1),
      "DELETE FROM results WHERE job_id=" + job(1),
      "DELETE FROM jobs WHERE id=" + job(1),
  };
  for (const auto& sql : edits) {
    INFO(sql);
    lived_in d;
    REQUIRE(d.engine.edit(sql) == 1);
    CHECK_FALSE(d.right());
  }
}

TEST_CASE("a breach names its row, and there are at most 100") {
  lived_in d;
  REQUIRE(d.engine.edit("UPDATE accounts SET balance=balance+1 WHERE owner='ann'") == 1);
  auto found = d.db->verify();
  REQUIRE(found.breaches.size() == 2);
  CHECK(found.breaches[0].find("ann/available/dGPU") != std::string::npos);
  REQUIRE(d.engine.edit("WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i+1 FROM n WHERE i<200)"
                        " INSERT INTO accounts(owner,kind,asset,balance,held,entries,newest)"
                        " SELECT 'x'||i,10,2,5,0,0,0 FROM n") == 200);
  CHECK(d.db->verify().breaches.size() == 100);
}

}  // namespace troupe::lives
