// Opening and closing, values in and out, and the sorting of SQLite's errors.
#include "persistence/sqlite.hpp"

#include <stdexcept>

#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr int busy_ms = 5'000;

/// Counting every allocation takes a lock and serves nobody here.
void set_up_library() {
  static const int once = sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
  (void)once;
}

bool is_outside_trouble(int rc) {
  switch (rc & 0xff) {
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_IOERR:
    case SQLITE_FULL:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
    case SQLITE_NOMEM: return true;
    default: return false;
  }
}

[[noreturn]] void fail(sqlite3* db, int rc, std::string_view doing) {
  std::string why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  if (is_outside_trouble(rc)) throw store_unavailable{"database: " + why};
  throw std::logic_error{"database: " + why + " in: " + std::string{doing}};
}

class sqlite_statement : public prepared {
public:
  sqlite_statement(sqlite3* db, const std::string& sql) {
    auto size = static_cast<int>(sql.size());
    auto rc = sqlite3_prepare_v3(db, sql.c_str(), size, SQLITE_PREPARE_PERSISTENT, &s_, nullptr);
    if (rc != SQLITE_OK) fail(db, rc, sql);
  }
  ~sqlite_statement() override { sqlite3_finalize(s_); }
  sqlite_statement(const sqlite_statement&) = delete;
  sqlite_statement& operator=(const sqlite_statement&) = delete;

  void bind(int at, int64_t x) override { check(sqlite3_bind_int64(s_, at + 1, x)); }
  void bind(int at, std::string_view x) override { put(at, x, SQLITE_STATIC); }
  void bind_copy(int at, std::string x) override { put(at, x, SQLITE_TRANSIENT); }
  void bind(int at, blob x) override {
    check(sqlite3_bind_blob64(s_, at + 1, x.bytes.data(), x.bytes.size(), SQLITE_STATIC));
  }
  bool step() override {
    auto rc = sqlite3_step(s_);
    if (rc == SQLITE_ROW) return true;
    if (rc == SQLITE_DONE) return false;
    fail(sqlite3_db_handle(s_), rc, sqlite3_sql(s_));
  }
  int64_t integer(int column) override { return sqlite3_column_int64(s_, column); }
  std::string_view text(int column) override {
    auto from = static_cast<const char*>(sqlite3_column_blob(s_, column));  // of a TEXT column: its bytes, unchanged
    auto size = static_cast<size_t>(sqlite3_column_bytes(s_, column));
    return size ? std::string_view{from, size} : std::string_view{};
  }
  int64_t changes() override { return sqlite3_changes64(sqlite3_db_handle(s_)); }
  void reset() noexcept override { sqlite3_reset(s_); }

private:
  void put(int at, std::string_view x, sqlite3_destructor_type life) {
    auto from = x.data() ? x.data() : "";  // a null pointer would bind NULL
    check(sqlite3_bind_text64(s_, at + 1, from, x.size(), life, SQLITE_UTF8));
  }
  void check(int rc) {
    if (rc != SQLITE_OK) fail(sqlite3_db_handle(s_), rc, sqlite3_sql(s_));
  }

  sqlite3_stmt* s_ = nullptr;
};

}  // namespace

sqlite_connection::sqlite_connection(const std::string& path, access how) {
  set_up_library();
  auto flags = SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE;
  if (how == access::create) flags |= SQLITE_OPEN_CREATE;
  auto rc = sqlite3_open_v2(path.c_str(), &db_, flags, nullptr);
  try {
    if (rc != SQLITE_OK) fail(db_, rc, path);
    sqlite3_busy_timeout(db_, busy_ms);
    exec("PRAGMA foreign_keys=OFF; PRAGMA temp_store=MEMORY; PRAGMA trusted_schema=OFF;");
    if (how == access::read) {
      // Read-write at the file so that a log left by a crash can be read; query_only keeps every row as it is.
      sqlite3_db_config(db_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
      exec("PRAGMA query_only=ON;");
    }
  } catch (const std::exception&) {
    sqlite3_close_v2(db_);
    throw;
  }
}

sqlite_connection::~sqlite_connection() { sqlite3_close_v2(db_); }

std::unique_ptr<prepared> sqlite_connection::prepare(const std::string& sql) {
  return std::make_unique<sqlite_statement>(db_, sql);
}

void sqlite_connection::exec(const std::string& sql) {
  auto rc = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(db_, rc, sql);
}

}  // namespace troupe::sql
