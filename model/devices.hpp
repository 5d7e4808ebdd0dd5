// What a machine has: its GPUs, parts of them that are given to a job, and how it fares. -1: not known.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace troupe {

struct gpu_device {
  std::string model;  // price-book key, or the driver's name as a key
  int64_t vram_mb = 0;
  int32_t index = 0;         // the driver's number
  std::string uuid, driver;  // empty: not known
  int32_t power_w = -1;      // its limit
};

/// A part of one device, given to a job. `device`: its place in the node's list.
struct gpu_share {
  int32_t device = 0;
  int64_t vram_mb = 0;
  friend auto operator<=>(const gpu_share&, const gpu_share&) = default;
};

/// "0:24000,1:24000"; empty for none.
std::string format_shares(const std::vector<gpu_share>&);
/// Nothing when the text is not of that form.
std::optional<std::vector<gpu_share>> parse_shares(std::string_view);

struct gpu_metrics {
  int32_t utilization_percent = -1;
  int64_t memory_used_mb = -1;
  int32_t power_w = -1, temperature_c = -1;
  friend bool operator==(const gpu_metrics&, const gpu_metrics&) = default;
};

/// Of the newest beat; `gpus` in the order of the node's list, or empty.
struct node_metrics {
  int64_t load_milli = -1;  // load average of a minute, times 1000
  int64_t memory_used_mb = -1, disk_free_mb = -1;
  std::vector<gpu_metrics> gpus;
  friend bool operator==(const node_metrics&, const node_metrics&) = default;
};

template <class I>
auto inspect(I& f, gpu_device& x) {
  return f(x.model, x.vram_mb, x.index, x.uuid, x.driver, x.power_w);
}
template <class I>
auto inspect(I& f, gpu_share& x) {
  return f(x.device, x.vram_mb);
}
template <class I>
auto inspect(I& f, gpu_metrics& x) {
  return f(x.utilization_percent, x.memory_used_mb, x.power_w, x.temperature_c);
}
template <class I>
auto inspect(I& f, node_metrics& x) {
  return f(x.load_milli, x.memory_used_mb, x.disk_free_mb, x.gpus);
}

}  // namespace troupe
