// A quote: the priced terms of a GPU share as signed text that a customer can hand back until it runs out.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "model/gpu_cost.hpp"
#include "model/job_spec.hpp"

namespace troupe {

struct quote {
  std::string user_id;        // who asked for it
  std::string provider_id;    // empty: of the price book, for any provider
  std::string gpu_model;      // the book's key
  int64_t total_vram_mb = 0;  // of the device; 0: not known
  asset currency = asset::dgpu;
  gpu_terms terms;
  int64_t duration_ms = 0;  // what was asked about, rounded up; the terms hold for any duration
  std::string book_version;
  time_ms valid_until_ms = 0;
  friend bool operator==(const quote&, const quote&) = default;
};

inline constexpr int64_t quote_ms = 5 * 60 * 1000;

/// Signed with a key of its own that is derived from the edge's secret: a quote is no token, and no token a quote.
std::string sign_quote(const quote&, const std::string& secret);

/// Nothing when any part of it is wrong: form, signature, terms out of bounds, or its time is over. At most 4 KiB are
/// looked at. Whether it is this user's is for the caller to check.
std::optional<quote> read_quote(std::string_view text, const std::string& secret, time_ms now_ms);

}  // namespace troupe
