// What is right but will soon not be: said by `config check` and at every start.
#pragma once

#include <string>
#include <vector>

#include "config/config.hpp"

namespace troupe {

/// What is active, for whoever asks whether all is right.
std::vector<std::string> config_facts(const config&);

std::vector<std::string> config_warnings(const config&, int64_t now_ms);

}  // namespace troupe
