// The body of POST /api/v1/jobs, put together from flags. Pure but for reading the named files.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "client/api.hpp"

namespace troupe::client {

struct job_flags {
  std::string body_file;  // -f: the whole body; other flags are put on top
  std::string type, name, interpreter, script_file, params;
  std::vector<std::string> command;
  std::string gpu_type, region, max_price;
  std::optional<int64_t> gpu_count, vram_mb, priority, timeout_seconds, max_attempts;
  std::vector<std::string> labels, tags;
};

/// Throws bad_usage.
json job_body(const job_flags&);

}  // namespace troupe::client
