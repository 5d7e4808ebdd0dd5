// The one writing connection, on any engine.
#pragma once

#include <functional>
#include <memory>

#include "persistence/membership.hpp"
#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

/// Opens a connection that may write, tuned for it. Throws store_unavailable.
using connect_fn = std::function<std::unique_ptr<connection>()>;

/// Opens now, and again after each rollback.
/// `mine`: this gateway's seat among others; null: nobody else writes this database.
std::unique_ptr<store_writer> open_writer(connect_fn, const seat* mine = nullptr);

}  // namespace troupe::sql
