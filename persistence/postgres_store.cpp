// The PostgreSQL engine: a writing connection, one for each reader, and one for the seat among other gateways.
#include "persistence/postgres_store.hpp"

#include <chrono>
#include <thread>

#include "persistence/journal_export.hpp"
#include "persistence/membership.hpp"
#include "persistence/migrations.hpp"
#include "persistence/postgres.hpp"
#include "persistence/reader.hpp"
#include "persistence/verify.hpp"
#include "persistence/writer.hpp"

namespace troupe {

namespace {

using sql::postgres_connection;
using sql::statement;

/// Advisory locks, named by numbers that mean nothing else. The server lets go of them when the connection ends.
constexpr int64_t writer_lock = 0x74726f757065'01;
constexpr int64_t schema_lock = 0x74726f757065'02;

constexpr int64_t seat_timeout_ms = 3'000;  // a beat that takes longer is as good as none

/// Gateways share the lock; whoever wants the books for itself (a copy) gets it only when no gateway is there. A server
/// that was killed a moment ago still has it until the database notices: so there is some patience.
void take_lock(postgres_connection& db, bool shared) {
  constexpr auto tries = 30;
  statement try_it{db, shared ? "SELECT pg_try_advisory_lock_shared(?)" : "SELECT pg_try_advisory_lock(?)"};
  for (auto i = 0; i < tries; ++i) {
    auto ours = false;
    try_it.first([&](sql::row& r) { r(ours); }, writer_lock);
    if (ours) return;
    std::this_thread::sleep_for(std::chrono::milliseconds{100});
  }
  throw store_unavailable{"the database is in use by another server"};
}

class postgres_store : public store {
public:
  postgres_store(std::string uri, int64_t timeout_ms) : uri_{std::move(uri)}, timeout_ms_{timeout_ms} {}

  /// REQUIRES: called once, before anything is opened.
  void prepare(bool must_exist) {
    postgres_connection db{{uri_, false, 0}};
    statement{db, "SELECT 1 FROM (SELECT pg_advisory_lock(?)) AS taken"}.any(schema_lock);
    if (sql::must_migrate(sql::schema_version(db), "the database", must_exist)) sql::migrate(db);
  }

  std::unique_ptr<store_writer> open_writer(const seat* mine) override {
    auto connect = [uri = uri_, timeout = timeout_ms_, shared = mine != nullptr] {
      auto db = std::make_unique<postgres_connection>(sql::postgres_options{uri, false, timeout});
      take_lock(*db, shared);
      return db;
    };
    return sql::open_writer(connect, mine);
  }
  std::unique_ptr<membership> open_membership() override {
    return sql::open_membership(
        std::make_unique<postgres_connection>(sql::postgres_options{uri_, false, seat_timeout_ms}));
  }
  std::unique_ptr<store_reader> open_reader() override {
    return sql::open_reader(std::make_unique<postgres_connection>(sql::postgres_options{uri_, true, timeout_ms_}));
  }
  verdict verify() override { return sql::verify(*open_snapshot()); }
  void export_journal(bool csv, const std::function<void(const std::string&)>& row) override {
    sql::export_journal(*open_snapshot(), csv, row);
  }
  std::unique_ptr<sql::connection> open_snapshot() override {
    auto db = std::make_unique<postgres_connection>(sql::postgres_options{uri_, true, 0});
    db->exec("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY");
    return db;
  }
  std::unique_ptr<sql::connection> open_for_copy() override {
    return std::make_unique<postgres_connection>(sql::postgres_options{uri_, false, 0});
  }

private:
  std::string uri_;
  int64_t timeout_ms_;
};

}  // namespace

std::unique_ptr<store> open_postgres(const std::string& uri, bool must_exist, int64_t timeout_ms) {
  auto made = std::make_unique<postgres_store>(uri, timeout_ms);
  made->prepare(must_exist);
  return made;
}

}  // namespace troupe
