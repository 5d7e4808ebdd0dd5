// Which GPU of which node a billing session rents, and at what rates.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/gpu_cost.hpp"
#include "model/rental.hpp"

namespace troupe {

struct rental_wish {
  std::string user_id, key_id, job_id;
  std::string provider_id;  // a node, or a user whose nodes are looked through
  std::string gpu_model;    // as people call it
  int64_t vram_mb = 0, power_w = 0;
  std::optional<amount> max_rate;  // per hour, before the fee
  int64_t max_ms = 0;              // 0: as long as the money lasts
  std::optional<bool> fee_inclusive;
  std::string quote;                // as it was sent
  std::optional<gpu_terms> quoted;  // what it says, once it was believed
};

/// The session's terms: the cheapest GPU that fits, at its node's own rate plus the book's for memory and power.
/// `active`: the sessions on the provider's nodes now. Errors, told apart by their word: RATE_NOT_FOUND,
/// PROVIDER_NOT_AVAILABLE, INSUFFICIENT_VRAM, SESSION_ALREADY_ACTIVE.
/// REQUIRES: vram_mb and power_w are within the bounds of gpu_cost.hpp.
outcome<rental> place_rental(const rental_wish&, const std::vector<node_row>&, const std::vector<rental>& active,
                             const price_book&);
/// Whether this node is the wanted provider, or one of its nodes.
bool is_of_provider(const rental_wish&, const node_row&);

/// The GPUs of a node's row: "model:vram_mb,..." as (name, MB).
std::vector<std::pair<std::string, int64_t>> gpus_of(const node_row&);

}  // namespace troupe
