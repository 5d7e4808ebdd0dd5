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
  /// The audit sees it, and by the rule that is there for it.
  void wrong(const std::string& phrase) {
    auto found = db->verify();
    CHECK_FALSE(found.breaches.empty());
    std::string all;
    for (const auto& b : found.breaches) all += b + "\n";
    INFO(all);
    CHECK(all.find(phrase) != std::string::npos);
  }
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
  struct place {
    std::string table, column, phrase;
  };
  const std::vector<place> amounts{
      {"accounts", "balance", ": balance "},
      {"accounts", "held", ": held "},
      {"journal", "amount", "the hash does not fit"},
      {"holds", "amount", "its amount is not what the journal reserved"},
      {"holds", "captured", "captured is not what the journal says"},
      {"holds", "released", "released is not what the journal says"},
      {"jobs", "hold", "its hold is not the amount of the hold"},
      {"jobs", "cost", "its cost is not what was captured"},
  };
  for (const auto& at : amounts) {
    const auto& table = at.table;
    const auto& column = at.column;
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
        d.wrong(at.phrase);
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
  const std::vector<std::pair<std::string, std::string>> edits{
      {"UPDATE journal SET at_ms=at_ms+1 WHERE seq=3", "hash"},
      {"UPDATE journal SET note='x' WHERE seq=1", "hash"},
      {"UPDATE journal SET job_id='x' WHERE seq=2", "another account or job"},
      {"UPDATE journal SET id='x' WHERE seq=2", "do not fit together"},
      {"UPDATE journal SET credit=debit WHERE seq=1", "do not fit together"},
      {"UPDATE journal SET debit=77 WHERE seq=1", "no such account"},
      {"UPDATE journal SET debit_before=0 WHERE seq=4", "wrong row before"},
      {"UPDATE journal SET hash=zeroblob(32) WHERE seq=2", "hash"},
      {"UPDATE journal SET hash=zeroblob(32) WHERE seq=(SELECT max(seq) FROM journal)", "hash"},
      {"DELETE FROM journal WHERE seq=4", "it follows row 3"},
      {"DELETE FROM journal WHERE seq=(SELECT max(seq) FROM journal)", ": held "},
      {"UPDATE accounts SET owner='bob' WHERE owner='ann'", "hash"},
      {"UPDATE accounts SET owner='bob' WHERE kind=70", "hash"},
      {"UPDATE accounts SET held=balance+1 WHERE owner='ann'", "overdrawn"},
      {"UPDATE accounts SET asset=1 WHERE owner='ann'", "another asset"},
      {"UPDATE accounts SET entries=entries+1 WHERE owner='ann'", "count of journal rows"},
      {"UPDATE accounts SET newest=newest-1 WHERE owner='ann'", "count of journal rows"},
      {"INSERT INTO accounts(owner,kind,asset,balance,held,entries,newest) VALUES('bob',10,2,5,0,0,0)", "add up to"},
      {"DELETE FROM holds WHERE id=" + hold(1), "which is not there"},
      {"UPDATE holds SET state=1, captured=0, released=0 WHERE id=" + hold(1), "its hold is open"},
      {"UPDATE holds SET state=2 WHERE id=" + hold(2), "do not fit its state"},
      {"UPDATE holds SET job_id='x' WHERE id=" + hold(2), "there is no job x"},
      {"UPDATE jobs SET hold_id='', hold=0 WHERE id=" + job(2), "has another hold"},
      {"UPDATE jobs SET hold_id=" + hold(1) + " WHERE id=" + job(2), "its hold is of another job"},
      {"UPDATE jobs SET state=12, ended=2 WHERE id=" + job(2), "its hold is open"},
      {"UPDATE jobs SET state=2, ended=0 WHERE id=" + job(5), "its hold is closed"},
      {"UPDATE jobs SET state=9 WHERE id=" + job(1), "succeeded attempts"},
      {"UPDATE jobs SET ended=0 WHERE id=" + job(1), "its state and its end differ"},
      {"UPDATE jobs SET lease_epoch=0 WHERE id=" + job(1), "newer than its lease epoch"},
      {"UPDATE jobs SET node_rate=node_rate*2 WHERE id=" + job(1), "at its price"},
      {"UPDATE jobs SET fee_bps=fee_bps+100 WHERE id=" + job(1), "at its price"},
      {"UPDATE attempts SET ran_ms=ran_ms+100 WHERE job_id=" + job(1), "at its price"},
      {"UPDATE attempts SET outcome=2 WHERE job_id=" + job(1), "0 succeeded attempts"},
      {"UPDATE attempts SET outcome=1 WHERE job_id=" + job(4), "1 succeeded attempts"},
      {"DELETE FROM attempts WHERE job_id=" + job(1), "0 succeeded attempts"},
      {"DELETE FROM results WHERE job_id=" + job(1), "at its price"},
      {"DELETE FROM jobs WHERE id=" + job(1), "there is no job"},
  };
  for (const auto& edit : edits) {
    INFO(edit.first);
    lived_in d;
    REQUIRE(d.engine.edit(edit.first) == 1);
    d.wrong(edit.second);
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
