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
  void refused(const lease_ref&);
  /// What is under way got lost: all that is not stored is sent again.
  void again();
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
  };
  using key = std::pair<lease_ref, std::string>;

  std::map<key, stream> streams_;
  size_t flight_ = 0, unsent_ = 0;
};

}  // namespace troupe
