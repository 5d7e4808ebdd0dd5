// The GPUs that joined nodes offer, each with the rate its node asks for it.
#pragma once

#include <string>
#include <vector>

#include "model/change.hpp"
#include "model/gpu_cost.hpp"

namespace troupe {

struct device_offer {
  std::string provider_id, gpu, region;
  size_t index = 0;  // among the node's devices
  int64_t vram_mb = 0;
  amount base = 0;  // nano-dGPU per hour: the device's part of the node's own rate
};

/// In the node's order; nothing for a node that is not here.
std::vector<device_offer> offers_of(const node_row&, const price_book&);

}  // namespace troupe
