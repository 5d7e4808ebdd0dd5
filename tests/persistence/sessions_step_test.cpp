// A database from before sessions had refresh tokens: its people and sessions are all there afterwards.
#include "model/identity.hpp"
#include "persistence/migrations.hpp"
#include "tests/persistence/desk.hpp"
#include "tests/persistence/sqlite_engine.hpp"

namespace troupe::lives {

TEST_CASE("people and sessions of an old database outlive the step that builds their table anew") {
  sqlite_engine engine;
  {
    auto db = engine.open();
    auto w = db->open_writer();
    w->begin();
    for (int i = 0; i < 50; ++i) {
      auto n = std::to_string(i);
      change c;
      c.user = user_row{"u" + n, "ann" + n + "@example.org", "ann" + n, "ACME", "hash" + n, "provider", "pro", i};
      c.session = session_row{"s" + n, "u" + n, 1, 1'000, 0};
      REQUIRE(w->apply(c, begin_ms).why == errc::ok);
    }
    change c;
    c.identity = std::make_shared<identity_change>(identity_change{{user_patch{"u7", "suspended"}}});
    REQUIRE(w->apply(c, begin_ms).why == errc::ok);
    w->commit();
  }
  auto before = engine.dump();
  for (auto undo :
       {"DROP TABLE signing_keys", "DROP INDEX sessions_family", "DROP INDEX sessions_user", "DROP INDEX users_email"})
    engine.edit(undo);
  for (std::string column : {"family", "refresh_hash", "scopes", "label", "ip", "agent", "refreshed_ms"})
    engine.edit("ALTER TABLE sessions DROP COLUMN " + column);
  engine.edit(sql::dialect(sql::engine::sqlite, sql::sessions_step()));
  CHECK(engine.dump() == before);
  auto db = engine.open();
  auto r = db->open_reader();
  CHECK(r->find_user("u7")->password_hash == "hash7");
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
