// INTERNAL to config: what is wrong with the settings of the public door.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "config/config.hpp"

namespace troupe {

struct edge_problem {
  std::string_view option;
  std::string value, why;
};

/// The first problem. Reads the certificate's files.
std::optional<edge_problem> find_edge_problem(const config&);

}  // namespace troupe
