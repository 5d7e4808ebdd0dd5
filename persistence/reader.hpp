// The reading side of the store, on any engine.
#pragma once

#include <memory>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

std::unique_ptr<store_reader> open_reader(std::unique_ptr<connection>);

}  // namespace troupe::sql
