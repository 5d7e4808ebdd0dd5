// What `nvidia-smi` says of this machine's GPUs.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/devices.hpp"

namespace troupe {

struct gpu_reading {
  gpu_device device;  // `model`: the driver's name
  gpu_metrics now;
};

/// Its CSV without header and units, in the order of our query. Lines that are not of that form are left out, and what
/// the driver does not know ("[N/A]") is not known here.
std::vector<gpu_reading> parse_nvidia_smi(std::string_view csv);

/// Runs it, for at most `limit_ms` and until `stop`. Nothing when it is not there, fails, hangs or knows no GPU.
std::optional<std::vector<gpu_reading>> ask_nvidia_smi(int64_t limit_ms, const std::atomic<bool>& stop);

}  // namespace troupe
