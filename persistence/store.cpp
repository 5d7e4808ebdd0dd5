// Which engine an address means.
#include "persistence/store.hpp"

#include "persistence/postgres_store.hpp"
#include "persistence/sql.hpp"
#include "persistence/sqlite_store.hpp"

namespace troupe {

store::~store() = default;

std::unique_ptr<store> open_store(const std::string& data_dir, const std::string& database, bool must_exist,
                                  int64_t timeout_ms) {
  if (database.empty()) return open_sqlite(data_dir, must_exist);
  if (database.starts_with("postgresql://") || database.starts_with("postgres://"))
    return open_postgres(database, must_exist, timeout_ms);
  auto kind = database.substr(0, database.find(':'));  // the rest may carry a password
  throw store_unavailable{"database \"" + kind + ":...\": must be postgresql://..., or empty for SQLite"};
}

}  // namespace troupe
