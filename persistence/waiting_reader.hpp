// The questions about what waits, on a connection that somebody else owns.
#pragma once

#include <memory>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

/// REQUIRES: the connection lives longer.
std::unique_ptr<waiting_reader> open_waiting(connection&);

}  // namespace troupe::sql
