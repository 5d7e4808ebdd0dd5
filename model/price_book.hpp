// The price book: what everything costs, as data. Built in, then changed by the operator's configuration.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "model/amount.hpp"
#include "model/error.hpp"

namespace troupe {

/// Nano-dGPU per hour of a node without a GPU.
inline constexpr amount cpu_rate = 250'000'000;

struct token_price {
  amount in = 0, out = 0;  // nano-CREDIT per million tokens
  int64_t min_tokens = 0;
  amount cached = 0;  // of the prompt tokens that the model had cached; 0: the same as `in`
  friend bool operator==(const token_price&, const token_price&) = default;
};

using gpu_rates = std::map<std::string, amount, std::less<>>;  // by key, lower case: nano-dGPU per hour
using model_prices = std::map<std::string, token_price, std::less<>>;

gpu_rates built_in_gpus();
model_prices built_in_models();

enum class gpu_match : uint8_t { exact, family, fallback };

struct gpu_price {
  std::string key;
  amount rate = 0;  // nano-dGPU per hour
  gpu_match how = gpu_match::exact;
};

struct price_book {
  gpu_rates gpus = built_in_gpus();
  std::optional<amount> gpu_default;  // for GPUs that nobody knows; the operator's own choice only
  model_prices models = built_in_models();
  token_price model_default{one / 2, 3 * one / 2};  // for the models that nodes serve and nobody priced
  amount vram_gb_hour = one / 50;
  amount power_kwh = one / 1000;
  // nano-CREDIT
  amount api_call = one / 1000;
  amount storage_gb_month = one / 10;
  amount bandwidth_gb = one / 20;
  int64_t fee_bps = 500;
  bool fee_inclusive = false;  // unless a request says otherwise

  /// By the exact key in any case; else the family whose name is in the given one ("NVIDIA GeForce RTX 4090 Laptop",
  /// "A100-SXM4-80GB", "m2-ultra"), the longest first; else the operator's default; else nothing.
  std::optional<gpu_price> find_gpu(std::string_view name) const;
  /// The same, or rate_unknown with the known keys.
  outcome<gpu_price> need_gpu(std::string_view name) const;
  token_price of_model(std::string_view name) const;
  /// Changes with any price in the book: 16 hex digits.
  std::string version() const;

  friend bool operator==(const price_book&, const price_book&) = default;
};

}  // namespace troupe
