// What may be asked of the store about nodes, providers and node keys, inside a `read_store`.
#pragma once

#include "persistence/node_reader.hpp"  // IWYU pragma: export
