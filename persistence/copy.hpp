// An installation moved from one engine to the other, with the books verified on both sides.
#pragma once

#include <functional>
#include <string>

#include "persistence/store.hpp"

namespace troupe {

/// Copies every table of `from` into the empty `to`, in one transaction that is committed only when the audit of the
/// copy finds what the audit of the original found. Keeps other servers off both. `tell` hears of each table.
/// Throws store_unavailable: somebody else uses one of them, `to` is not empty, or the books are not right.
verdict copy_store(store& from, store& to, const std::function<void(const std::string& table, int64_t rows)>& tell);

}  // namespace troupe
