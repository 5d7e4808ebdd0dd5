// How the parts of the writer say no.
#pragma once

#include <string>

#include "model/change.hpp"

namespace troupe::sql {

/// Always false, so that a check can `return refuse(...)`.
inline bool refuse(change_result& r, errc why, std::string detail) {
  r.why = why;
  r.detail = std::move(detail);
  return false;
}

}  // namespace troupe::sql
