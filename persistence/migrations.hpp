// The schema as a list of numbered steps; a step once released never changes.
#pragma once

#include <vector>

#include "persistence/sqlite.hpp"

namespace troupe::sqlite {

struct migration {
  int number;
  const char* sql;
};
const std::vector<migration>& migrations();

/// The number of the newest step that the file has; 0: an empty file.
int schema_version(connection&);
/// Takes the missing steps, each in its own transaction. REQUIRES: we hold the lock of the data folder.
void migrate(connection&);

}  // namespace troupe::sqlite
