// The stable words of the error list.
#include "model/error.hpp"

namespace troupe {

std::string to_string(errc x) {
  switch (x) {
    case errc::ok: return "ok";
    case errc::invalid: return "invalid";
    case errc::unauthenticated: return "unauthenticated";
    case errc::forbidden: return "forbidden";
    case errc::not_found: return "not_found";
    case errc::conflict: return "conflict";
    case errc::key_reused: return "key_reused";
    case errc::insufficient_funds: return "insufficient_funds";
    case errc::limit_exceeded: return "limit_exceeded";
    case errc::queue_full: return "queue_full";
    case errc::too_large: return "too_large";
    case errc::stale: return "stale";
    case errc::rate_unknown: return "rate_unknown";
    case errc::unavailable: return "unavailable";
    case errc::timeout: return "timeout";
    case errc::internal: return "internal";
  }
  return "internal";
}

}  // namespace troupe
