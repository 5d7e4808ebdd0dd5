// Statements behind `node_reader`.
#pragma once

#include <memory>

#include "persistence/node_reader.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

/// REQUIRES: the connection outlives it.
std::unique_ptr<node_reader> open_node_reader(connection&);

}  // namespace troupe::sql
