// The way of signing keys between this process and the store, where all gateways find them.
#pragma once

#include "http/routes.hpp"

namespace troupe {

/// For the start: reads the keys, and makes the first where the algorithm needs one. Blocks; throws
/// std::runtime_error.
void open_token_keys(edge&);

/// Reads them again, soon: another gateway may have made one. From any thread.
void look_for_token_keys(edge&);

// Routes of an admin.
void rotate_token_key(const call_ptr&);
void list_token_keys(const call_ptr&);

}  // namespace troupe
