// What was refused, for the audit trail: bounded, so that somebody who tries passwords cannot fill the disk.
#pragma once

#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "actors/house.hpp"
#include "model/audit.hpp"

namespace troupe {

/// The first refusals are lines of their own; beyond 20 at once and 2 a second they are gathered, and each second one
/// line an action and outcome says how many there were, and from where. What was gathered in the last second is lost
/// when the process is killed. Thread-safe.
class refusal_log {
public:
  explicit refusal_log(house& h) : h_(h) {}

  void note(audit_entry);

private:
  struct gathered {
    int64_t count = 0;
    std::map<std::string, int64_t> from;  // address -> times, the first twenty of them
  };
  bool take_token();
  void flush();
  void write(std::vector<audit_entry>);

  house& h_;
  std::mutex guard_;
  int64_t tokens_ = -1, filled_ms_ = 0;  // thousandths of a line
  bool flush_comes_ = false;
  std::map<std::pair<std::string, std::string>, gathered> gathered_;  // by action and outcome
};

}  // namespace troupe
