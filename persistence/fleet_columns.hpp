// The columns of node keys, in the order of their `inspect`.
#pragma once

#include <string>

#include "model/change.hpp"

namespace troupe {

template <class I>
auto inspect(I& f, node_key_row& x) {
  return f(x.key_id, x.verifier, x.user_id, x.name, x.created_ms, x.ends_ms, x.revoked_ms);
}

namespace sql {

inline const std::string node_key_columns = "key_id,verifier,user_id,name,created_ms,ends_ms,revoked_ms";

}  // namespace sql

}  // namespace troupe
