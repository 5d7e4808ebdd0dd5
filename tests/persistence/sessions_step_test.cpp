// A database from before sessions had refresh tokens: its people and sessions are all there afterwards.
#include "model/identity.hpp"
#include "persistence/migrations.hpp"
#include "tests/persistence/desk.hpp"
#include "tests/persistence/sqlite_engine.hpp"

namespace troupe::lives {

TEST_CASE("people and sessions of an old database outlive the step that builds their table anew") {
  sqlite_engine engine;
  engine.edit("CREATE TABLE schema_version(number INTEGER PRIMARY KEY) STRICT");
  for (auto& step : sql::migrations()) {
    if (step.sql == sql::sessions_step()) break;
    engine.edit(sql::dialect(sql::engine::sqlite, step.sql));
    engine.edit("INSERT INTO schema_version VALUES(" + std::to_string(step.number) + ")");
  }
  for (int i = 0; i < 50; ++i) {
    auto n = std::to_string(i);
    engine.edit(
        "INSERT INTO users(id,email,username,organization,password_hash,role,tier,created_ms,status) VALUES('u" + n +
        "','ann" + n + "@example.org','ann" + n + "','ACME','hash" + n + "','provider','pro'," + n + ",'" +
        (i == 7 ? "suspended" : "active") + "')");
    engine.edit("INSERT INTO sessions(id,user_id,created_ms,expires_ms,revoked_ms,mfa) VALUES('s" + n + "','u" + n +
                "',1,1000,0,0)");
  }
  auto db = engine.open();
  auto r = db->open_reader();
  for (int i = 0; i < 50; ++i) {
    auto n = std::to_string(i);
    auto u = r->find_user("u" + n);
    REQUIRE(u);
    CHECK(u->email == "ann" + n + "@example.org");
    CHECK(u->password_hash == "hash" + n);
    CHECK(u->created_ms == i);
    REQUIRE(r->find_session("s" + n));
    CHECK(r->find_session("s" + n)->expires_ms == 1'000);
  }
  CHECK(r->find_session("s7")->status == "suspended");
  CHECK(r->find_session("s8")->status == "active");
  auto w = db->open_writer();
  w->begin();
  change twice;
  twice.user = user_row{"u99", "ANN3@example.org", "", "", "x", "user", "free", 1};
  CHECK(w->apply(twice, begin_ms).why == errc::conflict);
  w->commit();
}

}  // namespace troupe::lives
