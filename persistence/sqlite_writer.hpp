// The one writing connection to a SQLite file.
#pragma once

#include <memory>
#include <string>

#include "persistence/store.hpp"

namespace troupe::sqlite {

/// Keeps the data folder locked against a second server for as long as it lives.
std::unique_ptr<store_writer> open_writer(const std::string& file, const std::string& lock_file);

}  // namespace troupe::sqlite
