// The words for kinds of jobs.
#include "model/job_spec.hpp"

#include <array>

namespace troupe {

namespace {
constexpr std::array<std::string_view, 6> kind_names{"process", "script", "inference", "docker", "training", "noop"};
}

std::string_view to_string(job_kind x) { return kind_names[static_cast<size_t>(x)]; }

std::optional<job_kind> parse_job_kind(std::string_view text) {
  for (size_t i = 0; i < kind_names.size(); ++i)
    if (kind_names[i] == text) return static_cast<job_kind>(i);
  return std::nullopt;
}

}  // namespace troupe
