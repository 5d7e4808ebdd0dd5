// SQLite behind the hand of sql.hpp.
#pragma once

#include <sqlite3.h>

#include "persistence/sql.hpp"

namespace troupe::sql {

enum class access { write, create, read };

class sqlite_connection : public connection {
public:
  /// `read` never writes a row, a checkpoint or a file of its own making.
  sqlite_connection(const std::string& path, access);
  ~sqlite_connection() override;
  sqlite_connection(const sqlite_connection&) = delete;
  sqlite_connection& operator=(const sqlite_connection&) = delete;

  engine kind() const override { return engine::sqlite; }
  std::unique_ptr<prepared> prepare(const std::string& sql) override;
  void exec(const std::string& sql) override;
  void begin() override { exec("BEGIN IMMEDIATE"); }
  void commit() override { exec("COMMIT"); }
  bool in_transaction() const override { return sqlite3_get_autocommit(db_) == 0; }

private:
  sqlite3* db_ = nullptr;
};

}  // namespace troupe::sql
