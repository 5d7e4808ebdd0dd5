// The hold formula.
#include "model/pricing.hpp"

#include <algorithm>

#include "model/gpu_cost.hpp"

namespace troupe {

namespace {

/// Of the first window, when it is to grow; then what it may grow to must fit, too.
std::optional<amount> hold_by_time(const submission& s, const job& j) {
  auto whole = mul_div_ceil(s.spec.needs.rate_max, s.spec.timeout_ms, 3'600'000);
  if (!whole || s.hold_window_ms == 0) return whole;
  auto fits = bill_of(*whole, j.fee_bps, j.fee_inclusive).has_value();
  return fits ? mul_div_ceil(s.spec.needs.rate_max, s.hold_window_ms, 3'600'000) : std::nullopt;
}

std::optional<amount> hold_by_token(const submission& s, const job& j) {
  auto out_tokens = std::max(s.max_tokens, j.min_tokens);
  auto in = mul_div_ceil(j.price_in, s.prompt_bytes, 1'000'000);
  auto out = mul_div_ceil(j.price_out, out_tokens, 1'000'000);
  return in && out ? checked_add(*in, *out) : std::nullopt;
}

/// The hourly bound: what the person set, else the book's price. The GPU is then called by its key, as nodes call it.
outcome<amount> rate_bound(submission& s, const price_book& book) {
  auto& needs = s.spec.needs;
  auto rate = std::optional<amount>{cpu_rate};
  if (!needs.gpu_type.empty()) {
    auto found = book.need_gpu(needs.gpu_type);
    if (auto bad = std::get_if<failure>(&found)) return *bad;
    auto& gpu = std::get<gpu_price>(found);
    needs.gpu_type = gpu.key;
    rate = mul_div_ceil(gpu.rate, std::max(1, needs.gpu_count), 1);
  }
  if (s.rate_max) return *s.rate_max;
  if (!rate) return failure{errc::invalid, "the price does not fit: ask for fewer GPUs", {}, {}};
  return *rate;
}

}  // namespace

outcome<job> plan_job(submission& s, std::string job_id, std::string user_id, int64_t fee_bps, time_ms now_ms,
                      const price_book& book) {
  auto by_token = s.spec.kind == job_kind::inference;
  if (by_token && s.hold_window_ms > 0)
    return failure{errc::invalid, "hold_seconds is for jobs that are paid by time", {}, {}};
  if (s.hold_window_ms >= s.spec.timeout_ms) s.hold_window_ms = 0;  // the first hold covers it all
  job j;
  j.rare.hold_window_ms = s.hold_window_ms;
  j.rare.stall_ms = s.stall_ms;
  j.user_id = std::move(user_id);
  j.state = s.run_at_ms > now_ms ? job_state::scheduled : job_state::queued;
  if (!s.spec.parents.empty()) j.state = job_state::blocked;
  j.expires_ms = s.expires_ms;
  j.retry_base_ms = s.retry_base_ms;
  j.retry_max_ms = s.retry_max_ms;
  j.max_attempts = s.max_attempts;
  j.priority = s.priority;
  j.currency = s.currency.value_or(by_token ? asset::credit : asset::dgpu);
  j.pricing = by_token ? pricing_mode::by_token : pricing_mode::by_time;
  j.fee_bps = fee_bps;
  j.fee_inclusive = s.fee_inclusive.value_or(book.fee_inclusive);
  j.key_id = s.key_id;
  j.hold_id = "hold_" + job_id.substr(job_id.find('_') + 1);
  j.timeout_ms = s.spec.timeout_ms;
  j.created_ms = now_ms;
  j.run_at_ms = s.run_at_ms;
  std::optional<amount> subtotal;
  if (by_token) {
    auto price = book.of_model(s.spec.needs.model);
    j.price_in = price.in;
    j.price_out = price.out;
    j.price_cached = price.cached;
    j.min_tokens = price.min_tokens;
    subtotal = hold_by_token(s, j);
  } else {
    auto rate = rate_bound(s, book);
    if (auto bad = std::get_if<failure>(&rate)) return *bad;
    s.spec.needs.rate_max = std::get<amount>(rate);
    subtotal = hold_by_time(s, j);
  }
  auto worst = subtotal ? bill_of(*subtotal, fee_bps, j.fee_inclusive) : std::nullopt;
  if (!worst) return failure{errc::invalid, "the price does not fit: lower the rate or the timeout", {}, {}};
  j.id = std::move(job_id);
  j.hold = worst->total;
  return j;
}

}  // namespace troupe
