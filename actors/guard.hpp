// Expected trouble becomes an answer; every other exception ends the actor, and its supervisor decides.
#pragma once

#include "actors/house.hpp"

namespace troupe {

template <class F>
auto guarded(F f) -> decltype(f()) {
  try {
    return f();
  } catch (const store_unavailable& e) {
    return to_error({errc::unavailable, e.what(), {}, {}});
  }
}

}  // namespace troupe
