// What is said about limits: a user's windows are counted at one place, the gateway that owns the shard of its id.
// Messages between gateways may be lost: then a window counts one request too many, and a place that nobody gives back
// is forgotten with the link to its gateway.
#pragma once

#include <string>

#include "model/rate_limits.hpp"

namespace troupe {

/// Counts a request of this user. errc::unavailable: this gateway does not own its windows (any more).
struct use_quota {
  using reply = rate_verdict;
  std::string user_id, tier;
  rate_request request;
  bool passed_on = false;
};
/// A request is answered, or a stream is closed. Number 0: everything of that gateway is.
struct quota_returned {
  std::string user_id, gateway;
  int64_t number = 0;
};
/// Under way, from before this gateway owned the windows.
struct quota_held {
  std::string user_id;
  rate_place place;
};

/// What a request was told, and what is to be given back at its end.
struct quota_taken {
  rate_verdict verdict;
  int64_t number = 0;  // REQUIRES: `request_ended` follows, if it is not 0
};
/// At this gateway: a request that was let in is over.
struct request_ended {
  std::string user_id;
  int64_t number = 0;
};

template <class I>
auto inspect(I& f, use_quota& x) {
  return f(x.user_id, x.tier, x.request, x.passed_on);
}
template <class I>
auto inspect(I& f, quota_returned& x) {
  return f(x.user_id, x.gateway, x.number);
}
template <class I>
auto inspect(I& f, quota_held& x) {
  return f(x.user_id, x.place);
}

}  // namespace troupe
