// One POST to a model server.
#pragma once

#include <cstdint>
#include <string>

#include "executors/attempt.hpp"

namespace troupe {

/// Once per process, however often it is called; to be called before anything of libcurl.
void start_curl();

enum class upstream_end {
  answered,     // any status
  cancelled,    // the stop signal was raised
  timed_out,    // connected, but no answer in time
  unreachable,  // no connection, or a broken one
  too_large,    // more than we are ready to take
};

struct upstream_answer {
  upstream_end end = upstream_end::unreachable;
  int status = 0;
  std::string body;
  std::string trouble;  // unreachable: why, without the address (it may hold a password)
};

upstream_answer post_upstream(const std::string& url, const std::string& json_body, int64_t timeout_ms,
                              const stop_signal&);

}  // namespace troupe
