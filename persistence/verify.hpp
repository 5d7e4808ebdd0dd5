// The audit: everything that follows from the journal is worked out again and compared with what the tables say.
#pragma once

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

/// REQUIRES: a read transaction is open, so that all tables are of one moment.
verdict verify(connection&);

}  // namespace troupe::sql
