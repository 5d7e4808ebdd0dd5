// What may be asked of the store about people, their sessions and the signing keys, inside a `read_store`.
#pragma once

#include "persistence/identity_reader.hpp"  // IWYU pragma: export
