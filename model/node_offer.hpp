// What a node offers to the work of others.
#pragma once

#include "model/devices.hpp"
#include "model/job_spec.hpp"

namespace troupe {

struct node_offer {
  std::string id, user_id, region;
  int64_t session = 0;
  int32_t slots = 0;
  amount rate = 0;  // nano-units per hour
  std::vector<gpu_device> gpus;
  std::vector<label> labels;
  std::vector<std::string> models;
  int32_t cpu_cores = 0;  // as memory and disk: 0 has none to reserve
  int64_t memory_mb = 0, disk_mb = 0;
  int32_t trust_ppm = 300'000, reliability_ppm = 1'000'000;
  bool draining = false;  // keeps what it has, gets nothing new
  std::string gateway;    // where it hangs
};
template <class I>
auto inspect(I& f, node_offer& x) {
  return f(x.id, x.user_id, x.region, x.session, x.slots, x.rate, x.gpus, x.labels, x.models, x.cpu_cores, x.memory_mb,
           x.disk_mb, x.trust_ppm, x.reliability_ppm, x.draining, x.gateway);
}

}  // namespace troupe
