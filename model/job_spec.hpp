// What a person asks for: the immutable half of a job, and what a node reports after running it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/amount.hpp"
#include "model/error.hpp"

namespace troupe {

using time_ms = int64_t;  // Unix time in milliseconds, always the server's clock

enum class job_kind : uint8_t { process, script, inference, docker, training, noop };

/// "process", "script", ... as in `POST /api/v1/jobs {"type": ...}`.
std::string_view to_string(job_kind);
std::optional<job_kind> parse_job_kind(std::string_view);

struct label {
  std::string key, value;
  friend auto operator<=>(const label&, const label&) = default;
};

/// What a node must have to run the job. Empty or zero means "any".
struct demand {
  std::string gpu_type;  // price-book key, lower case
  int32_t gpu_count = 0;
  int64_t vram_mb = 0;
  std::string region;
  std::string model;          // inference: the model the node must serve
  std::vector<label> labels;  // sorted by key
  amount rate_max = 0;        // nano-units per hour; only nodes at or below match. 0: token priced, any node
  int32_t cpu_cores = 0;      // reserved on the node, as memory and disk are
  int64_t memory_mb = 0, disk_mb = 0;
  bool exclusive = false;  // whole devices, whatever VRAM is asked for
  bool spread = false;     // over idle devices and nodes, instead of filling those in use
  int32_t min_trust_ppm = 0;
  friend bool operator==(const demand&, const demand&) = default;
};

struct job_spec {
  job_kind kind = job_kind::noop;
  std::string name;
  std::string description;
  std::string params;  // JSON object text, checked by model/params.hpp at the edge and decoded by the executor
  demand needs;
  std::vector<std::string> tags;
  int64_t timeout_ms = 0;            // wall clock of one attempt
  std::vector<std::string> parents;  // ids of jobs that must succeed before
};

struct artifact {
  std::string name;  // path below the attempt's artifacts folder
  int64_t bytes = 0;
  std::string sha256;  // hex
};

/// How an attempt ended, as the node saw it.
enum class run_outcome : uint8_t {
  succeeded,
  failed,      // the program's own fault: not retried, the time used is paid
  node_fault,  // could not run here: retried elsewhere, not paid
  cancelled,   // stopped because we asked
  preempted,   // stopped because the node needs its place: goes on elsewhere, from its checkpoint
};

struct run_report {
  run_outcome outcome = run_outcome::succeeded;
  int64_t ran_ms = 0;  // by the node's monotonic clock
  int32_t exit_code = 0;
  std::string stdout_text, stderr_text;  // valid UTF-8, cut at the job's limit
  bool stdout_truncated = false, stderr_truncated = false;
  std::string text;           // inference: the completion
  std::string finish_reason;  // inference: "stop", "length"
  int64_t prompt_tokens = 0, completion_tokens = 0;
  std::vector<artifact> artifacts;
  std::string error_code;  // "exit_code", "timeout", "cpu_limit", "memory_limit", "not_found", "upstream", ...
  std::string error_message;
  int64_t cached_tokens = 0;  // of the prompt tokens, those that the model had cached
};

template <class I>
auto inspect(I& f, label& x) {
  return f(x.key, x.value);
}
template <class I>
auto inspect(I& f, demand& x) {
  return f(x.gpu_type, x.gpu_count, x.vram_mb, x.region, x.model, x.labels, x.rate_max, x.cpu_cores, x.memory_mb,
           x.disk_mb, x.exclusive, x.spread, x.min_trust_ppm);
}
template <class I>
auto inspect(I& f, job_spec& x) {
  return f(x.kind, x.name, x.description, x.params, x.needs, x.tags, x.timeout_ms, x.parents);
}
template <class I>
auto inspect(I& f, artifact& x) {
  return f(x.name, x.bytes, x.sha256);
}
template <class I>
auto inspect(I& f, run_report& x) {
  return f(x.outcome, x.ran_ms, x.exit_code, x.stdout_text, x.stderr_text, x.stdout_truncated, x.stderr_truncated,
           x.text, x.finish_reason, x.prompt_tokens, x.completion_tokens, x.artifacts, x.error_code, x.error_message,
           x.cached_tokens);
}

}  // namespace troupe
