// What a job must hold before it may queue. Pure arithmetic over the price book.
#pragma once

#include <optional>
#include <string>

#include "model/job.hpp"
#include "model/price_book.hpp"

namespace troupe {

/// What a person asks for besides the spec itself.
struct submission {
  job_spec spec;
  std::optional<asset> currency;   // default: dGPU, inference: CREDIT
  std::optional<amount> rate_max;  // nano-units per hour
  int32_t priority = 5;
  int32_t max_attempts = 3;
  time_ms run_at_ms = 0;
  time_ms expires_ms = 0;
  int64_t retry_base_ms = 0, retry_max_ms = 0;
  int64_t prompt_bytes = 0;           // inference: no prompt has more tokens than bytes
  int64_t max_tokens = 0;             // inference
  std::optional<bool> fee_inclusive;  // default: the book's
  std::string key_id;                 // the API key that it came with
  int64_t hold_window_ms = 0;         // by time: hold only so much, and more while it runs; 0: the whole timeout
  int64_t stall_ms = 0;               // warn after so long without progress; 0: never
};

/// Prices the submission: the job row with its hold, and the spec's rate bound and book key of the GPU. Errors:
/// rate_unknown (names the known keys), invalid (the hold does not fit).
outcome<job> plan_job(submission&, std::string job_id, std::string user_id, int64_t fee_bps, time_ms now_ms,
                      const price_book& = {});

}  // namespace troupe
