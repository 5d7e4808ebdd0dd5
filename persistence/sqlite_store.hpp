// The engine of one process: a file in the data folder.
#pragma once

#include "persistence/store.hpp"

namespace troupe {

std::unique_ptr<store> open_sqlite(const std::string& data_dir, bool must_exist);

}  // namespace troupe
