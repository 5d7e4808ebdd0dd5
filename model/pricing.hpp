// The price book and what a job must hold before it may queue. Pure data and arithmetic.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/job.hpp"

namespace troupe {

/// Nano-dGPU per hour of a node without a GPU.
inline constexpr amount cpu_rate = 250'000'000;

/// Base rate per GPU and hour; by key, case-insensitive. Nothing for an unknown GPU: never a silent default.
std::optional<amount> gpu_rate(std::string_view key);
std::vector<std::string_view> gpu_keys();

struct token_price {
  amount in = 0, out = 0;  // nano-CREDIT per million tokens
  int64_t min_tokens = 0;
};
/// A model of the book, else the default price for models that nodes serve.
token_price price_of_model(std::string_view model);

/// subtotal + fee on top, rounded up. Nothing on overflow.
std::optional<amount> with_fee(amount subtotal, int64_t fee_bps);

/// What a person asks for besides the spec itself.
struct submission {
  job_spec spec;
  std::optional<asset> currency;   // default: dGPU, inference: CREDIT
  std::optional<amount> rate_max;  // nano-units per hour
  int32_t priority = 5;
  int32_t max_attempts = 3;
  time_ms run_at_ms = 0;
  int64_t prompt_bytes = 0;  // inference: no prompt has more tokens than bytes
  int64_t max_tokens = 0;    // inference
};

/// Prices the submission: the job row with its hold, and the spec's rate bound. Errors: rate_unknown (names the known
/// keys), invalid (the hold does not fit).
outcome<job> plan_job(submission&, std::string job_id, std::string user_id, int64_t fee_bps, time_ms now_ms);

}  // namespace troupe
