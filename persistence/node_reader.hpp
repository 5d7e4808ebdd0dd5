// What is asked about nodes, their keys, and who brings them.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "model/change.hpp"
#include "model/fleet.hpp"

namespace troupe {

/// A node with what is known of it; an absent record is a blank one.
struct known_node {
  node_row row;
  node_record record;
  int64_t running = 0;
};

class node_reader {
public:
  virtual ~node_reader() = default;
  /// Ids of keys that ended, or whose owner was suspended, after `since_ms`, until `now_ms`.
  virtual std::vector<std::string> ended_keys(time_ms since_ms, time_ms now_ms) = 0;
  /// Oldest first. Empty user: everybody's.
  virtual std::vector<node_key_row> node_keys(const std::string& user_id) = 0;

  virtual std::optional<known_node> find(const std::string& node_id) = 0;  // not one that was removed
  virtual node_record record(const std::string& node_id) = 0;
  virtual std::map<std::string, node_record> records() = 0;
  /// What was set since `since_ms`, and quarantines that began or ended since.
  virtual std::vector<node_record> changed_records(time_ms since_ms, time_ms now_ms) = 0;
  /// Granted jobs that have not ended, by node.
  virtual std::map<std::string, int64_t> running() = 0;

  virtual std::vector<provider_row> providers() = 0;                             // in order of their ids
  virtual std::optional<provider_row> find_provider(const std::string& id) = 0;  // its own, or its user's
};

}  // namespace troupe
