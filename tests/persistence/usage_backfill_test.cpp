// A database from before days were summed: the step of the schema makes the days that would have been written.
#include "model/usage.hpp"
#include "persistence/migrations.hpp"
#include "tests/persistence/desk.hpp"
#include "tests/persistence/sqlite_engine.hpp"

namespace troupe::lives {

namespace {

std::string text_of(const std::vector<usage_add>& all) {
  std::string text;
  for (const auto& x : all)
    text += x.user_id + " " + x.day + " " + x.key_id + " " + x.model + " " + x.kind + " " +
            std::to_string(static_cast<int>(x.currency)) + " " + std::to_string(x.requests) + " " +
            std::to_string(x.failed) + " " + std::to_string(x.tokens_in) + " " + std::to_string(x.tokens_out) + " " +
            std::to_string(x.ran_ms) + " " + std::to_string(x.cost) + "\n";
  return text;
}

/// What step 5 made is taken back, and the step is taken again; later ones do not matter to it.
void take_again(const sqlite_engine& engine) {
  engine.edit("DROP TABLE purchases");
  engine.edit("DROP INDEX rentals_active");
  engine.edit("DELETE FROM usage_days");
  engine.edit(sql::usage_step());
}

}  // namespace

TEST_CASE("an old database gets the days of its jobs, to the last unit") {
  sqlite_engine engine;
  std::string before;
  {
    auto db = engine.open();
    auto w = db->open_writer();
    auto must = [&](const change& c) {
      w->begin();
      auto r = w->apply(c, begin_ms);
      REQUIRE(r.why == errc::ok);
      w->commit();
    };
    must(grant("t1", wallet_of("ann"), 100 * one));
    for (int64_t n = 1; n <= 6; ++n) {
      // a day of 90 apart, over leap days and new years
      life l{n * 90 * 86'400'000, "ann", false};
      must(l.submit());
      if (n == 3) must(l.step_of(job_input::cancel{}, 5));
      if (n == 3) continue;
      must(l.claim("node_1", "provider"));
      must(l.start());
      run_report report;
      report.outcome = n == 4 ? run_outcome::failed : run_outcome::succeeded;
      report.ran_ms = 1'000 * n;
      report.prompt_tokens = n;
      report.completion_tokens = 10 * n;
      must(l.finish(report));
    }
    must(life{7, "ann", false}.submit());
    before = text_of(db->open_reader()->books().usage({}));
    CHECK(db->verify().breaches.empty());
  }
  take_again(engine);
  auto db = engine.open();
  auto r = db->open_reader();
  CHECK(text_of(r->books().usage({})) == before);
  CHECK(r->books().credit_totals("ann").at(0).purchased == 100 * one);
  for (const auto& b : db->verify().breaches) FAIL_CHECK(b);
}

TEST_CASE("a unit more or less in a day, a purchase or a session is a breach") {
  desk<sqlite_engine> d;
  d.must(grant("t1", wallet_of("ann"), 100 * one));
  d.run(1, "ann");
  auto wrong = [&](const std::string& edit, const std::string& back, const std::string& phrase) {
    REQUIRE(d.engine.edit(edit) == 1);
    std::string all;
    for (const auto& b : d.db->verify().breaches) all += b + "\n";
    INFO(all);
    CHECK(all.find(phrase) != std::string::npos);
    REQUIRE(d.engine.edit(back) == 1);
    d.books_are_right();
  };
  wrong("UPDATE usage_days SET cost=cost+1", "UPDATE usage_days SET cost=cost-1", "the usage days of ann");
  wrong("UPDATE usage_days SET user_id='bob'", "UPDATE usage_days SET user_id='ann'", "the usage days of bob");
  wrong("UPDATE purchases SET total=total-1", "UPDATE purchases SET total=total+1", "the purchases of ann");
}

}  // namespace troupe::lives
