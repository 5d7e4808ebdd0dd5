// The questions about wallets, withdrawals, billing sessions, limits and usage, on a connection that somebody else
// owns.
#pragma once

#include <memory>

#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

/// REQUIRES: the connection lives longer.
std::unique_ptr<book_reader> open_books(connection&);

}  // namespace troupe::sql
