// Metering is cumulative: each bill is the price of the whole time so far, less what was charged already.
#include "model/rental.hpp"

#include <algorithm>
#include <cassert>

#include "model/usage.hpp"

namespace troupe {

namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t whole = 10'000;  // basis points

/// The largest sum before the fee that leaves room for it in the hold.
amount most_of(const rental& r) {
  return r.fee_inclusive ? r.hold : mul_div_floor(r.hold, whole, whole + r.fee_bps).value_or(0);
}

rental next_of(const rental& r) {
  auto next = r;
  next.version += 1;
  return next;
}

/// The time that may be billed: no step back, and not beyond the hold or the agreed end.
time_ms billable_until(const rental& r, time_ms now_ms) {
  auto longest = covered_ms(r);
  if (r.max_ms > 0) longest = std::min(longest, r.max_ms);
  return std::max(r.billed_ms, std::min(now_ms, r.started_ms + longest));
}

/// Meters up to `until`: what is to be captured now, while `next` counts all of it.
settlement meter(const rental& r, time_ms until, rental& next) {
  auto all = price_of(r, until - r.started_ms);
  settlement now{all.subtotal - (r.charged - r.fee), all.fee - r.fee};
  assert(now.subtotal >= 0 && now.fee >= 0);
  next.charged = all.subtotal + all.fee;
  next.fee = all.fee;
  next.billed_ms = until;
  return now;
}

hold_close close_of(const rental& r, settlement paid, int32_t step, time_ms matures_ms) {
  hold_close c;
  c.id = r.hold_id;
  c.job_id = r.id;
  c.provider = {r.provider_user, account_kind::earned, r.currency};
  c.paid = paid;
  c.step = step;
  c.matures_ms = matures_ms;
  return c;
}

event_row event_of(const rental& r, std::string kind, amount value, time_ms now_ms) {
  event_row e;
  e.user_id = r.user_id;
  e.job_id = r.id;
  e.kind = std::move(kind);
  e.node_id = r.node_id;
  e.value = value;
  e.currency = r.currency;
  e.at_ms = now_ms;
  return e;
}

/// When somebody must look next: at the end that was agreed, or shortly before the hold is used up.
time_ms look_at(const rental& r) {
  return r.started_ms + (r.max_ms > 0 ? r.max_ms : covered_ms(r) - limits::rental_ahead_ms);
}

}  // namespace

settlement price_of(const rental& r, int64_t ms) {
  assert(ms >= 0 && r.rate > 0);
  auto most = most_of(r);
  auto used = std::min(mul_div_ceil(r.rate, ms, hour_ms).value_or(most), most);
  auto fee = mul_div_ceil(used, r.fee_bps, whole).value_or(0);
  return r.fee_inclusive ? settlement{used - fee, fee} : settlement{used, std::min(fee, r.hold - used)};
}

std::optional<amount> rental_total(const rental& r, int64_t ms) {
  auto used = mul_div_ceil(r.rate, ms, hour_ms);
  if (!used || r.fee_inclusive) return used;
  auto fee = mul_div_ceil(*used, r.fee_bps, whole);
  return fee ? checked_add(*used, *fee) : std::nullopt;
}

int64_t covered_ms(const rental& r) { return mul_div_floor(most_of(r), hour_ms, r.rate).value_or(INT64_MAX / 4); }

outcome<change> open_rental(rental r, time_ms now_ms) {
  auto hold = rental_total(r, r.max_ms > 0 ? r.max_ms : limits::rental_window_ms);
  if (r.rate <= 0 || !hold) return failure{errc::invalid, "the price of the session does not fit", {}, {}};
  r.hold_id = "hold_" + r.id.substr(r.id.find('_') + 1);
  r.state = rental_state::active;
  r.version = 1;
  r.hold = *hold;
  r.started_ms = r.billed_ms = now_ms;
  r.due_ms = look_at(r);
  change c;
  c.opens = hold_open{r.hold_id, r.id, {r.user_id, account_kind::available, r.currency}, r.hold};
  c.events.push_back(event_of(r, "session_started", r.hold, now_ms));
  c.rents = rental_write{std::move(r)};
  return c;
}

change tick_rental(const rental& r, const std::optional<rental_reading>& read, time_ms now_ms, time_ms matures_ms) {
  change c;
  auto next = next_of(r);
  auto paid = meter(r, billable_until(r, now_ms), next);
  if (paid.subtotal + paid.fee > 0) {
    next.steps += 1;
    c.closes = close_of(r, paid, next.steps, matures_ms);
  }
  if (read && read->at_ms >= r.reported_ms) {
    next.gpu_percent = read->gpu_percent;
    next.vram_percent = read->vram_percent;
    next.power_draw_w = read->power_draw_w;
    next.temperature_c = read->temperature_c;
    next.reported_ms = read->at_ms;
  }
  c.rents = rental_write{std::move(next)};
  return c;
}

std::optional<change> extend_rental(const rental& r, time_ms now_ms) {
  auto used_ms = std::max(covered_ms(r), now_ms - r.started_ms);
  auto total = rental_total(r, used_ms + limits::rental_window_ms);
  if (!total) return std::nullopt;
  auto next = next_of(r);
  next.steps += 1;
  next.hold = *total;
  next.due_ms = look_at(next);
  change c;
  c.extends = hold_extend{r.hold_id, r.id, next.steps, *total - r.hold};
  c.rents = rental_write{std::move(next)};
  return c;
}

change end_rental(const rental& r, rental_state as, std::string reason, time_ms now_ms, time_ms matures_ms) {
  auto next = next_of(r);
  auto until = billable_until(r, now_ms);
  auto paid = meter(r, until, next);
  next.state = as;
  next.ended_ms = until;
  next.due_ms = 0;
  next.end_reason = std::move(reason);
  change c;
  c.closes = close_of(r, paid, 0, matures_ms);
  auto e = event_of(next, "session_ended", next.charged, now_ms);
  e.terminal = true;
  e.message = next.end_reason;
  c.events.push_back(std::move(e));
  c.usage = usage_of(next);
  c.rents = rental_write{std::move(next)};
  return c;
}

change refused_rental(const rental& r, time_ms now_ms, time_ms matures_ms) {
  auto last_try = r.started_ms + covered_ms(r) - limits::rental_last_ms;
  if (now_ms >= last_try) return end_rental(r, rental_state::terminated, "funds", now_ms, matures_ms);
  auto next = next_of(r);
  next.due_ms = last_try;
  change c;
  auto e = event_of(r, "session_funds_low", r.hold - r.charged, now_ms);
  e.message = "there is no money for another hour: the session will end in five minutes";
  c.events.push_back(std::move(e));
  c.rents = rental_write{std::move(next)};
  return c;
}

std::optional<change> due_change(const rental& r, time_ms now_ms, time_ms matures_ms) {
  if (r.state != rental_state::active || r.due_ms > now_ms) return std::nullopt;
  if (r.max_ms > 0) return end_rental(r, rental_state::completed, "max_duration", now_ms, matures_ms);
  auto grown = extend_rental(r, now_ms);
  return grown ? std::move(grown) : refused_rental(r, now_ms, matures_ms);
}

}  // namespace troupe
