// How what attempts write travels: batches from the agent, repeated from where they were acknowledged.
#pragma once

#include <string>
#include <vector>

#include "actors/cluster_messages.hpp"
#include "model/log.hpp"

namespace troupe {

struct attempt_log {
  lease_ref lease;
  std::vector<log_piece> pieces;
};
/// agent -> node. Repeated until acknowledged.
struct send_logs {
  int64_t session = 0;
  int64_t batch = 0;  // counted by the agent
  std::vector<attempt_log> logs;
};
struct log_mark {
  lease_ref lease;
  std::string stream;
  int64_t end = 0;  // stored up to here
  bool last = false;
};
struct log_refusal {
  lease_ref lease;
  std::string stream;
};
/// node -> agent: what became of a batch. What is neither stored nor refused is to be said again; of what is refused
/// nothing will ever be stored.
struct logs_stored {
  int64_t batch = 0;
  std::vector<log_mark> marks;
  std::vector<log_refusal> refused;
};

/// INTERNAL to the agent, from the attempts' threads.
struct attempt_output {
  lease_ref lease;
  std::string stream, bytes;
  bool last = false;
};

template <class I>
auto inspect(I& f, attempt_log& x) {
  return f(x.lease, x.pieces);
}
template <class I>
auto inspect(I& f, send_logs& x) {
  return f(x.session, x.batch, x.logs);
}
template <class I>
auto inspect(I& f, log_mark& x) {
  return f(x.lease, x.stream, x.end, x.last);
}
template <class I>
auto inspect(I& f, log_refusal& x) {
  return f(x.lease, x.stream);
}
template <class I>
auto inspect(I& f, logs_stored& x) {
  return f(x.batch, x.marks, x.refused);
}
template <class I>
auto inspect(I& f, attempt_output& x) {
  return f(x.lease, x.stream, x.bytes, x.last);
}

}  // namespace troupe
