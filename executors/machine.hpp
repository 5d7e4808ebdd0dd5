// What this machine is, and how it fares.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "model/devices.hpp"

namespace troupe {

struct machine {
  int32_t cpu_cores = 0;
  int64_t memory_mb = 0, disk_mb = 0;  // disk: what is free where attempts work
};
machine look_at_machine(const std::string& work_folder);

/// The GPUs that the driver names; none when there is no driver. Takes seconds when the driver does.
std::vector<gpu_device> find_gpus();

/// Tells how the machine fares, at once. `with_gpus`: a thread of its own asks the driver every ten seconds, for as
/// long as the function lives; `devices` says in which order.
std::function<node_metrics()> sense_machine(std::string work_folder, bool with_gpus, std::vector<gpu_device> devices);

}  // namespace troupe
