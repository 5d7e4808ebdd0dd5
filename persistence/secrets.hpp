// Sealed secrets in the database: where they are, who may open them, and how they change to a new key.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "config/vault.hpp"
#include "persistence/store.hpp"

namespace troupe {

/// A column of sealed texts; what is empty or in the clear is left alone. The context of a row's secret is `context`
/// and the row's `key`.
struct sealed_column {
  std::string_view table, key, column, context;
};
/// All there are: a column that is missing here would be lost with its key.
const std::vector<sealed_column>& sealed_columns();

/// Throws store_unavailable when the secrets of this database were sealed with a key that `v` does not have. The first
/// one to ask leaves the value that later ones are checked by. Beside a running server.
void check_vault(store&, const vault& v);

/// What all gateways of a database know: the same answer for all, whoever comes first; sealed, also when an older
/// version left it in the clear.
std::string shared_secret(store&, const vault&, const std::string& name, const std::string& fresh);

/// Seals anew what was not sealed with the newest key, a batch a transaction, so it can be killed and started again.
/// How many were. Throws store_unavailable, naming the row, for one that does not open; what was done stays done.
/// REQUIRES: no server runs.
int64_t reseal(store&, const vault&);

}  // namespace troupe
