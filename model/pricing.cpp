// The numbers of the price book, and the hold formula.
#include "model/pricing.hpp"

#include <algorithm>
#include <array>

namespace troupe {

namespace {

struct gpu_price {
  std::string_view key;
  amount rate;  // nano-dGPU per hour
};

constexpr amount cents = one / 100;

constexpr std::array gpu_book{
    gpu_price{"nvidia-geforce-rtx-4090", 50 * cents},
    gpu_price{"nvidia-geforce-rtx-4080", 40 * cents},
    gpu_price{"nvidia-geforce-rtx-4070", 30 * cents},
    gpu_price{"nvidia-geforce-rtx-3090", 45 * cents},
    gpu_price{"nvidia-geforce-rtx-3080", 35 * cents},
    gpu_price{"nvidia-tesla-a100", 200 * cents},
    gpu_price{"nvidia-tesla-v100", 150 * cents},
    gpu_price{"nvidia-tesla-h100", 400 * cents},
    gpu_price{"nvidia-tesla-l40", 180 * cents},
    gpu_price{"amd-radeon-rx-7900-xtx", 35 * cents},
    gpu_price{"amd-radeon-rx-6900-xt", 30 * cents},
    gpu_price{"amd-instinct-mi250x", 175 * cents},
    gpu_price{"apple-m1-max", 25 * cents},
    gpu_price{"apple-m1-ultra", 45 * cents},
    gpu_price{"apple-m2-max", 30 * cents},
    gpu_price{"apple-m2-ultra", 55 * cents},
    gpu_price{"apple-m3-max", 35 * cents},
    gpu_price{"apple-m3-ultra", 65 * cents},
    gpu_price{"intel-arc-a770", 20 * cents},
    gpu_price{"intel-data-center-gpu-max", 120 * cents},
    // Not in the originals' table; market rates of 2026, kept as data.
    gpu_price{"nvidia-h200", 500 * cents},
    gpu_price{"nvidia-b200", 800 * cents},
    gpu_price{"nvidia-l4", 60 * cents},
    gpu_price{"nvidia-a10", 75 * cents},
    gpu_price{"nvidia-t4", 35 * cents},
    gpu_price{"amd-instinct-mi300x", 450 * cents},
};

struct model_price {
  std::string_view name;
  token_price price;
};

// Per million tokens; the originals quote per token (0.00003 for gpt-4 is 30 per million).
constexpr std::array model_book{
    model_price{"gpt-4", {30 * one, 30 * one, 100}},
    model_price{"claude-2", {20 * one, 20 * one, 100}},
    model_price{"llama-2-70b", {10 * one, 10 * one, 100}},
    model_price{"mistral-7b", {5 * one, 5 * one, 50}},
};
constexpr token_price default_model_price{one / 2, 3 * one / 2, 0};

std::string lower(std::string_view text) {
  std::string result{text};
  for (auto& c : result)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c + 32);
  return result;
}

std::optional<amount> hold_by_time(submission& s) {
  return mul_div_ceil(s.spec.needs.rate_max, s.spec.timeout_ms, 3'600'000);
}

std::optional<amount> hold_by_token(const submission& s, const job& j) {
  auto out_tokens = std::max(s.max_tokens, j.min_tokens);
  auto in = mul_div_ceil(j.price_in, s.prompt_bytes, 1'000'000);
  auto out = mul_div_ceil(j.price_out, out_tokens, 1'000'000);
  return in && out ? checked_add(*in, *out) : std::nullopt;
}

/// The hourly bound: what the person set, else the book's price.
outcome<amount> rate_bound(const submission& s) {
  auto& needs = s.spec.needs;
  auto book = std::optional<amount>{cpu_rate};
  if (!needs.gpu_type.empty()) {
    book = gpu_rate(needs.gpu_type);
    if (!book) {
      std::string known;
      for (auto key : gpu_keys()) known += (known.empty() ? "" : ", ") + std::string{key};
      return failure{errc::rate_unknown, "no rate for GPU '" + needs.gpu_type + "'; known: " + known, {}, {}};
    }
    book = mul_div_ceil(*book, std::max(1, needs.gpu_count), 1);
  }
  if (s.rate_max) return *s.rate_max;
  return *book;
}

}  // namespace

std::optional<amount> gpu_rate(std::string_view key) {
  auto wanted = lower(key);
  for (auto& row : gpu_book)
    if (row.key == wanted) return row.rate;
  return std::nullopt;
}

std::vector<std::string_view> gpu_keys() {
  std::vector<std::string_view> keys;
  for (auto& row : gpu_book) keys.push_back(row.key);
  return keys;
}

token_price price_of_model(std::string_view model) {
  for (auto& row : model_book)
    if (row.name == model) return row.price;
  return default_model_price;
}

std::optional<amount> with_fee(amount subtotal, int64_t fee_bps) {
  auto fee = mul_div_ceil(subtotal, fee_bps, 10'000);
  return fee ? checked_add(subtotal, *fee) : std::nullopt;
}

outcome<job> plan_job(submission& s, std::string job_id, std::string user_id, int64_t fee_bps, time_ms now_ms) {
  auto by_token = s.spec.kind == job_kind::inference;
  job j;
  j.user_id = std::move(user_id);
  j.state = s.run_at_ms > now_ms ? job_state::scheduled : job_state::queued;
  j.max_attempts = s.max_attempts;
  j.priority = s.priority;
  j.currency = s.currency.value_or(by_token ? asset::credit : asset::dgpu);
  j.pricing = by_token ? pricing_mode::by_token : pricing_mode::by_time;
  j.fee_bps = fee_bps;
  j.hold_id = "hold_" + job_id.substr(job_id.find('_') + 1);
  j.timeout_ms = s.spec.timeout_ms;
  j.created_ms = now_ms;
  j.run_at_ms = s.run_at_ms;
  s.spec.needs.gpu_type = lower(s.spec.needs.gpu_type);
  std::optional<amount> subtotal;
  if (by_token) {
    auto price = price_of_model(s.spec.needs.model);
    j.price_in = price.in;
    j.price_out = price.out;
    j.min_tokens = price.min_tokens;
    subtotal = hold_by_token(s, j);
  } else {
    auto rate = rate_bound(s);
    if (auto bad = std::get_if<failure>(&rate)) return *bad;
    s.spec.needs.rate_max = std::get<amount>(rate);
    subtotal = hold_by_time(s);
  }
  auto hold = subtotal ? with_fee(*subtotal, fee_bps) : std::nullopt;
  if (!hold) return failure{errc::invalid, "the price does not fit: lower the rate or the timeout", {}, {}};
  j.id = std::move(job_id);
  j.hold = *hold;
  return j;
}

}  // namespace troupe
