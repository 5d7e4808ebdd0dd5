// The journal as text for other programs.
#pragma once

#include <functional>
#include <string>

#include "persistence/sqlite.hpp"

namespace troupe::sqlite {

void export_journal(connection&, bool csv, const std::function<void(const std::string&)>& line);

}  // namespace troupe::sqlite
