// A node with what is given away of it, and whether and how well a job fits there.
#pragma once

#include <optional>
#include <unordered_map>

#include "model/node_offer.hpp"

namespace troupe {

bool wants_gpu(const demand&);

/// What one job has of a node.
struct booking {
  std::string user_id;
  std::vector<gpu_share> devices;
  int32_t cpu_cores = 0;
  int64_t memory_mb = 0, disk_mb = 0;
};

struct booked_node {
  node_offer offer;
  uint64_t number = 0;           // the order in which they came
  std::vector<int64_t> free_mb;  // by device
  int32_t free_cores = 0;
  int64_t free_memory_mb = 0, free_disk_mb = 0;
  std::unordered_map<std::string, booking> busy;  // by job
  bool listed = false;                            // it has a free slot and may be given work
  int32_t free_slots() const { return offer.slots - static_cast<int32_t>(busy.size()); }
};

/// Whole devices are asked for.
bool is_whole(const demand&);
/// From 0, the more the less reliable.
int32_t doubt_of(const node_offer&);
/// Its busy slots, in thousandths.
int32_t load_of(const booked_node&);

/// Whether it has all that is asked for but room.
bool is_right(const node_offer&, const demand&);
/// Whether it could serve if nothing ran there.
bool could_serve(const node_offer&, const demand&);
/// A free slot, cores, memory and disk.
bool has_room(const booked_node&, const demand&);

/// How well a job sits on a device; the least is the best.
struct seating {
  int32_t tier = 0;
  int64_t left_mb = 0;
  int32_t device = 0;
  auto operator<=>(const seating&) const = default;
};

/// The best devices for it, as many as it asks for; empty when they are not there.
std::vector<seating> seatings(const booked_node&, const demand&);
std::vector<gpu_share> shares_of(const booked_node&, const std::vector<seating>&, const demand&);

bool fits(const booked_node&, const demand&);
/// The devices it would get here now; nothing when it does not fit.
std::optional<std::vector<gpu_share>> fit(const booked_node&, const demand&);

}  // namespace troupe
