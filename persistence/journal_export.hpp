// The journal as text for other programs.
#pragma once

#include <functional>
#include <string>

#include "persistence/sql.hpp"

namespace troupe::sql {

void export_journal(connection&, bool csv, const std::function<void(const std::string&)>& line);

}  // namespace troupe::sql
