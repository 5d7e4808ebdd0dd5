// How nodes stand at the moment: what follows from their records for what they may be given.
#pragma once

#include <string>
#include <unordered_map>

#include "model/fleet.hpp"
#include "model/placement.hpp"

namespace troupe {

/// "k=v,..." as it is stored.
std::vector<label> parse_labels(const std::string&);

/// A node that was cut off with its gateway has nobody to say so of it; beats are stored twice a minute.
bool is_here(const std::string& state, int64_t seen_ms, int64_t now_ms);

class standings {
public:
  /// True: its offer is different from now on.
  bool learn(const node_record&, int64_t now_ms);
  /// The offer as it stands. A node of which nothing was learned stands as it says.
  node_offer of(node_offer) const;
  void forget(const std::string& node_id) { known_.erase(node_id); }

private:
  struct standing {
    amount rate = -1;
    bool has_labels = false;
    std::string labels;
    int32_t trust_ppm = 0, reliability_ppm = 0;
    bool takes_work = true;
    friend bool operator==(const standing&, const standing&) = default;
  };
  std::unordered_map<std::string, standing> known_;
};

}  // namespace troupe
