// What attempts wrote, on a connection that somebody else owns.
#pragma once

#include <memory>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

/// REQUIRES: the connection lives longer.
std::unique_ptr<log_reader> open_logs(connection&);

}  // namespace troupe::sql
