// A read-only connection to a SQLite file.
#pragma once

#include <memory>
#include <string>

#include "persistence/store.hpp"

namespace troupe::sqlite {

std::unique_ptr<store_reader> open_reader(const std::string& file);

}  // namespace troupe::sqlite
