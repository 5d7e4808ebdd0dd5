// What an attempt writes, on its way from the node into the store: streams of bytes, in pieces.
#pragma once

#include <string>
#include <string_view>

#include "model/job.hpp"

namespace troupe {

inline constexpr std::string_view stdout_stream = "stdout";
inline constexpr std::string_view stderr_stream = "stderr";
inline constexpr std::string_view file_stream = "file:";  // and the name of an artifact behind it

/// Pieces of one attempt may come twice, late, and overlap; what is stored is never written over.
struct log_piece {
  std::string stream;
  int64_t start = 0;
  std::string bytes;
  bool last = false;  // nothing follows
};

/// Of one attempt, as one node says it.
struct log_append {
  std::string job_id;
  int64_t epoch = 0;
  std::string node_id;
  int64_t stream_max = 0;  // bytes of stdout, and of stderr
  int64_t files_max = 0;   // bytes of all artifacts together
  std::vector<log_piece> pieces;
};

/// An attempt as it is remembered, for who asks what it left.
struct attempt_seen {
  int64_t epoch = 0;
  std::string node_id;
  attempt_outcome outcome = attempt_outcome::open;
  int64_t began_ms = 0, ended_ms = 0;  // 0: not yet
};

/// What must be known of a job before anybody may see what it wrote. `user_id` empty: there is no such job.
struct log_owner {
  std::string user_id;
  job_kind kind = job_kind::noop;
  job_state state = job_state::queued;
};

/// One stream as it is stored.
struct log_stream {
  int64_t epoch = 0;
  std::string stream;
  int64_t size = 0;
  bool closed = false;  // its last byte is here
};

template <class I>
auto inspect(I& f, log_piece& x) {
  return f(x.stream, x.start, x.bytes, x.last);
}

}  // namespace troupe
