// Supply and demand of GPUs at one moment, as the dispatcher knows them.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "model/gpu_cost.hpp"

namespace troupe {

/// One GPU of a node, in the node's order.
struct device_view {
  std::string node_id;
  std::string gpu;
  int64_t vram_mb = 0, free_mb = 0;
  bool open = false;  // the node has a free slot
  bool idle() const { return open && free_mb == vram_mb; }
};

struct market_view {
  std::vector<device_view> devices;
  std::map<std::string, int64_t, std::less<>> waiting;  // by GPU: devices that queued jobs ask for
};

/// The market's part in the price of a GPU.
inline void follow_market(gpu_terms& terms, const market_view& market, std::string_view gpu) {
  int64_t free = 0, all = 0;
  for (auto& d : market.devices) {
    if (d.gpu != gpu) continue;
    all += 1;
    free += d.idle() ? 1 : 0;
  }
  auto found = market.waiting.find(gpu);
  auto waiting = found == market.waiting.end() ? 0 : found->second;
  terms.demand_ppm = demand_ppm_of(waiting, free);
  terms.bonus_ppm = bonus_ppm_of(waiting, free, all);
}

}  // namespace troupe
