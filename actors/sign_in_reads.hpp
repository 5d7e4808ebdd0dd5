// What may be asked of the store about second factors, clients and logins elsewhere, inside a `read_store`.
#pragma once

#include "persistence/identity_reader.hpp"  // IWYU pragma: export
