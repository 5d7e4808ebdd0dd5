// The engine for several machines: a PostgreSQL database that holds nothing else.
#pragma once

#include "persistence/store.hpp"

namespace troupe {

std::unique_ptr<store> open_postgres(const std::string& uri, bool must_exist, int64_t timeout_ms);

}  // namespace troupe
