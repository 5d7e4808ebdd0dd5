// Opening and closing, and the sorting of SQLite's errors.
#include "persistence/sqlite.hpp"

#include <stdexcept>

#include "persistence/store.hpp"

namespace troupe::sqlite {

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

}  // namespace

void fail(sqlite3* db, int rc, std::string_view doing) {
  std::string why = db ? sqlite3_errmsg(db) : sqlite3_errstr(rc);
  if (is_outside_trouble(rc)) throw store_unavailable{"database: " + why};
  throw std::logic_error{"database: " + why + " in: " + std::string{doing}};
}

connection::connection(const std::string& path, access how) {
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

connection::~connection() { sqlite3_close_v2(db_); }

void connection::exec(const std::string& sql) {
  auto rc = sqlite3_exec(db_, sql.c_str(), nullptr, nullptr, nullptr);
  if (rc != SQLITE_OK) fail(db_, rc, sql);
}

statement::statement(connection& c, const std::string& sql) {
  auto rc =
      sqlite3_prepare_v3(c.raw(), sql.c_str(), static_cast<int>(sql.size()), SQLITE_PREPARE_PERSISTENT, &s_, nullptr);
  if (rc != SQLITE_OK) fail(c.raw(), rc, sql);
  marks_ = sqlite3_bind_parameter_count(s_);
}

statement::~statement() { sqlite3_finalize(s_); }

void statement::wrong_count(int given) const {
  throw std::logic_error{std::to_string(given) + " values for: " + sqlite3_sql(s_)};
}

std::string marks(int n) {
  std::string text = "?";
  for (int i = 1; i < n; ++i) text += ",?";
  return text;
}

}  // namespace troupe::sqlite
