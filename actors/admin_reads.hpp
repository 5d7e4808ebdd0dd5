// What may be asked of the store about people and the audit trail, inside a `read_store`.
#pragma once

#include "persistence/audit_reader.hpp"   // IWYU pragma: export
#include "persistence/people_reader.hpp"  // IWYU pragma: export
