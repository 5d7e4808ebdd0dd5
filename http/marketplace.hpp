// The GPUs that can be had now.
#pragma once

#include "http/routes.hpp"

namespace troupe {

/// `GET /api/v1/billing/marketplace`.
void list_marketplace(const call_ptr&);

/// 1'250'000 as "1.25".
json ppm_json(int64_t);

}  // namespace troupe
