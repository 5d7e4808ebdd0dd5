// Rights, room, and seats on devices.
#include "model/node_fit.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr int32_t doubt_step_ppm = 50'000;

template <class T, class X>
bool holds(const std::vector<T>& all, const X& x) {
  return std::find(all.begin(), all.end(), x) != all.end();
}

size_t devices_wanted(const demand& d) { return static_cast<size_t>(std::max(1, d.gpu_count)); }

std::optional<seating> seat_on(const booked_node& n, size_t i, const demand& d) {
  auto& gpu = n.offer.gpus[i];
  auto free_mb = n.free_mb[i];
  auto idle = free_mb == gpu.vram_mb;
  if (!d.gpu_type.empty() && gpu.model != d.gpu_type) return std::nullopt;
  if (free_mb < d.vram_mb || free_mb == 0 || (is_whole(d) && !idle)) return std::nullopt;
  auto device = static_cast<int32_t>(i);
  auto left_mb = free_mb - d.vram_mb;
  if (is_whole(d)) return seating{0, left_mb, device};
  if (d.spread) return idle ? seating{0, left_mb, device} : seating{1, -free_mb, device};
  auto breaks_open = idle && left_mb > gpu.vram_mb / 4;
  return seating{breaks_open ? 1 : 0, left_mb, device};
}

}  // namespace

bool wants_gpu(const demand& d) { return !d.gpu_type.empty() || d.gpu_count > 0 || d.vram_mb > 0 || d.exclusive; }

bool is_whole(const demand& d) { return d.exclusive || d.vram_mb == 0; }

int32_t doubt_of(const node_offer& o) { return (1'000'000 - o.reliability_ppm) / doubt_step_ppm; }
int32_t load_of(const booked_node& n) {
  return n.offer.slots == 0 ? 1'000 : static_cast<int32_t>(std::ssize(n.busy) * 1'000 / n.offer.slots);
}

bool is_right(const node_offer& o, const demand& d) {
  if (d.rate_max > 0 && o.rate > d.rate_max) return false;
  if (o.draining || o.trust_ppm < d.min_trust_ppm) return false;
  if (!d.region.empty() && o.region != d.region) return false;
  if (!d.model.empty() && !holds(o.models, d.model)) return false;
  return std::all_of(d.labels.begin(), d.labels.end(), [&](const label& l) { return holds(o.labels, l); });
}

bool could_serve(const node_offer& o, const demand& d) {
  if (o.slots < 1 || !is_right(o, d)) return false;
  if (o.cpu_cores < d.cpu_cores || o.memory_mb < d.memory_mb || o.disk_mb < d.disk_mb) return false;
  if (!wants_gpu(d)) return true;
  auto fitting = std::count_if(o.gpus.begin(), o.gpus.end(), [&](const gpu_device& g) {
    return (d.gpu_type.empty() || g.model == d.gpu_type) && g.vram_mb >= d.vram_mb;
  });
  return static_cast<size_t>(fitting) >= devices_wanted(d);
}

std::vector<seating> seatings(const booked_node& n, const demand& d) {
  std::vector<seating> all;
  for (size_t i = 0; i < n.free_mb.size(); ++i)
    if (auto x = seat_on(n, i, d)) all.push_back(*x);
  std::sort(all.begin(), all.end());
  if (all.size() < devices_wanted(d)) return {};
  all.resize(devices_wanted(d));
  return all;
}

std::vector<gpu_share> shares_of(const booked_node& n, const std::vector<seating>& seats, const demand& d) {
  std::vector<gpu_share> shares;
  for (auto& x : seats)
    shares.push_back({x.device, is_whole(d) ? n.free_mb[static_cast<size_t>(x.device)] : d.vram_mb});
  return shares;
}

bool has_room(const booked_node& n, const demand& d) {
  return n.free_slots() > 0 && n.free_cores >= d.cpu_cores && n.free_memory_mb >= d.memory_mb &&
         n.free_disk_mb >= d.disk_mb;
}

bool fits(const booked_node& n, const demand& d) {
  if (!n.listed || !has_room(n, d) || !is_right(n.offer, d)) return false;
  if (!wants_gpu(d)) return true;
  size_t fitting = 0;
  for (size_t i = 0; i < n.free_mb.size(); ++i) fitting += seat_on(n, i, d) ? 1 : 0;
  return fitting >= devices_wanted(d);
}

std::optional<std::vector<gpu_share>> fit(const booked_node& n, const demand& d) {
  if (!n.listed || !is_right(n.offer, d) || !has_room(n, d)) return std::nullopt;
  if (!wants_gpu(d)) return std::vector<gpu_share>{};
  auto seats = seatings(n, d);
  if (seats.empty()) return std::nullopt;
  return shares_of(n, seats, d);
}

}  // namespace troupe
