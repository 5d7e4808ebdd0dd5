// What an attempt of a job costs, and how the money is split.
#include <algorithm>
#include <cassert>
#include <limits>

#include "model/gpu_cost.hpp"
#include "model/job.hpp"
#include "model/limits.hpp"

namespace troupe {

namespace {

std::optional<amount> time_cost(const job& j, int64_t ran_ms) { return mul_div_ceil(j.node_rate, ran_ms, 3'600'000); }

/// The prompt, its cached part at a price of its own: one division, one rounding. The minimum tops up the completion.
std::optional<amount> token_cost(const job& j, int64_t prompt, int64_t completion, int64_t cached) {
  constexpr int64_t million = 1'000'000;
  cached = std::clamp<int64_t>(cached, 0, prompt);  // what a node counts is not to be trusted
  auto price_cached = j.price_cached > 0 ? j.price_cached : j.price_in;
  auto product = static_cast<__int128>(j.price_in) * (prompt - cached) + static_cast<__int128>(price_cached) * cached;
  auto in = (product + million - 1) / million;
  if (in > std::numeric_limits<amount>::max()) return std::nullopt;
  auto out = mul_div_ceil(j.price_out, std::max<int64_t>({0, completion, j.min_tokens - prompt}), million);
  return out ? checked_add(static_cast<amount>(in), *out) : std::nullopt;
}

/// What so much time of the newest attempt would cost with nothing to bound it, fee included.
std::optional<amount> full_price(const job& j, int64_t ms) {
  auto subtotal = time_cost(j, ms);
  auto bill = subtotal ? bill_of(*subtotal, j.fee_bps, j.fee_inclusive) : std::nullopt;
  return bill ? std::optional{bill->total} : std::nullopt;
}

/// What the hold leaves for the newest attempt.
amount room_of(const job& j) { return j.hold - accrued_total(j); }

}  // namespace

amount accrued_total(const job& j) {
  amount sum = 0;
  for (auto& x : j.rare.accrued) sum += x.subtotal + x.fee;  // bounded by the hold
  return sum;
}

amount due_extension(const job& j, time_ms now_ms) {
  if (j.rare.hold_window_ms <= 0 || j.pricing != pricing_mode::by_time || j.state != job_state::running) return 0;
  auto ran_ms = std::clamp<int64_t>(now_ms - j.started_ms, 0, j.timeout_ms);
  auto most = full_price(j, j.timeout_ms), window = full_price(j, j.rare.hold_window_ms);
  auto used = full_price(j, ran_ms), soon = full_price(j, ran_ms + limits::extend_ahead_ms);
  if (!most || !window || !used || !soon) return 0;  // was refused at the submit, at a rate that is not below this one
  auto has = room_of(j);
  auto nearly = static_cast<__int128>(accrued_total(j) + *used) * 10 >= static_cast<__int128>(j.hold) * 9;
  if (*most <= has || (!nearly && *soon < has)) return 0;
  auto wanted = checked_add(std::max(has, *used), *window).value_or(*most);
  return std::min(wanted, *most) - has;
}

settlement price_of(const job& j, int64_t ran_ms, int64_t prompt_tokens, int64_t completion_tokens,
                    int64_t cached_tokens) {
  assert(ran_ms >= 0 && prompt_tokens >= 0 && completion_tokens >= 0);
  auto subtotal = j.pricing == pricing_mode::by_time ? time_cost(j, ran_ms)
                                                     : token_cost(j, prompt_tokens, completion_tokens, cached_tokens);
  auto room = room_of(j);
  settlement paid;
  if (j.fee_inclusive) {
    auto total = std::min(subtotal.value_or(room), room);
    paid.fee = std::min(mul_div_ceil(total, j.fee_bps, 10'000).value_or(total), total);
    paid.subtotal = total - paid.fee;
    return paid;
  }
  auto most = mul_div_floor(room, 10'000, 10'000 + j.fee_bps).value_or(0);  // what leaves room for the fee
  paid.subtotal = std::min(subtotal.value_or(most), most);
  paid.fee = std::min(mul_div_ceil(paid.subtotal, j.fee_bps, 10'000).value_or(0), room - paid.subtotal);
  return paid;
}

}  // namespace troupe
