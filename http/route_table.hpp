// The table of routes as text, for tests and tools that walk it.
#pragma once

#include <string>

namespace troupe {

/// A JSON array of {verb, path, needs, scope, act, doc}, in the order of the table.
std::string routes_text();

}  // namespace troupe
