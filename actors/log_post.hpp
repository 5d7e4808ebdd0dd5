// What an agent still has to tell of its attempts' output. Plain: no CAF, no clock.
#pragma once

#include <map>

#include "actors/log_messages.hpp"

namespace troupe {

class log_post {
public:
  void add(attempt_output);
  /// What was not sent yet, as much as may be under way at once.
  std::vector<attempt_log> take();
  void stored(const log_mark&);
  /// Nobody will ever want more of that stream.
  void refused(const log_refusal&);
  /// Nothing is under way any more, it got lost or was answered: what is not stored is to be sent again. True: nothing
  /// that was sent is.
  bool again();
  bool empty() const { return streams_.empty(); }
  /// Something is under way and not acknowledged.
  bool waits() const { return flight_ > 0; }
  size_t unsent_bytes() const { return unsent_; }

private:
  struct stream {
    int64_t start = 0;  // of `bytes` in the stream: stored up to here
    std::string bytes;
    size_t sent = 0;  // of `bytes`
    bool last = false, last_sent = false;
    bool refused = false;  // what still comes is dropped
  };
  using key = std::pair<lease_ref, std::string>;

  std::map<key, stream> streams_;
  size_t flight_ = 0, unsent_ = 0;
};

}  // namespace troupe
