// PostgreSQL behind the hand of sql.hpp, through libpqxx. A connection that was lost is opened again at its next use,
// unless it was in a transaction: that one is lost, and its owner must hear of it.
#pragma once

#include <memory>
#include <string>

#include "persistence/sql.hpp"

namespace troupe::sql {

struct postgres_options {
  std::string uri;  // postgresql://user:password@host:port/name
  bool read_only = false;
  int64_t timeout_ms = 0;  // of one statement and of waiting for a lock; 0: none
};

class postgres_connection : public connection {
public:
  /// Throws store_unavailable when the server is not to be reached, or holds texts in something else than UTF-8.
  explicit postgres_connection(postgres_options);
  ~postgres_connection() override;

  engine kind() const override { return engine::postgres; }
  std::unique_ptr<prepared> prepare(const std::string& sql) override;
  void exec(const std::string& sql) override;
  void begin() override;
  void commit() override;
  bool in_transaction() const override;

  struct line;  // the connection itself, and what is prepared on it

private:
  std::unique_ptr<line> line_;
};

}  // namespace troupe::sql
