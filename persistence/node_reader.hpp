// What is asked about nodes and their keys.
#pragma once

#include <string>
#include <vector>

#include "model/change.hpp"

namespace troupe {

class node_reader {
public:
  virtual ~node_reader() = default;
  /// Ids of keys that ended after `since_ms`, until `now_ms`.
  virtual std::vector<std::string> ended_keys(time_ms since_ms, time_ms now_ms) = 0;
  /// Oldest first. Empty user: everybody's.
  virtual std::vector<node_key_row> node_keys(const std::string& user_id) = 0;
};

}  // namespace troupe
