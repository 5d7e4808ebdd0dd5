// Money is a decimal string; hours are, too, for they come of dividing money.
#include "http/rental_json.hpp"

#include <cmath>

#include "config/world.hpp"
#include "http/job_json.hpp"
#include "model/gpu_cost.hpp"

namespace troupe {

namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr int64_t report_ahead_ms = 60'000;       // clocks differ
constexpr int64_t report_behind_ms = 5 * 60'000;  // the grace of the reference

/// "1.5" or 2; 0 when absent.
int64_t read_duration(fields& f) {
  auto* value = f.any("max_duration_hours");
  if (value == nullptr) return 0;
  std::optional<amount> hours;
  if (value->is_string()) hours = parse_amount(value->get_ref<const std::string&>());
  if (value->is_number_integer() && *value > 0 && *value <= 24) hours = value->get<int64_t>() * one;
  auto ms = hours ? mul_div_floor(*hours, hour_ms, one).value_or(0) : 0;
  if (ms >= limits::rental_ms_min && ms <= limits::rental_ms_max) return ms;
  f.refuse("max_duration_hours must be a decimal string or an integer, from one minute to 24 hours");
  return 0;
}

void complain(fields& f, std::string_view name, std::string_view what) {
  std::string text{name};
  text += ' ';
  text += what;
  f.refuse(std::move(text));
}

/// A measured number, whole or not, without its fraction.
int64_t read_measure(fields& f, std::string_view name, int64_t least, int64_t most, bool required) {
  auto* value = f.any(name);
  if (value == nullptr && required) complain(f, name, "is required");
  if (value == nullptr) return 0;
  auto number = value->is_number() ? value->get<double>() : NAN;
  if (number >= static_cast<double>(least) && number <= static_cast<double>(most)) return static_cast<int64_t>(number);
  complain(f, name, "must be a number from " + std::to_string(least) + " to " + std::to_string(most));
  return 0;
}

int64_t read_share(fields& f, std::string_view name, int64_t most) {
  auto value = f.integer(name, 1, most, 0);
  if (value == 0) complain(f, name, "is required");
  return value;
}

std::string hours_text(int64_t ms) { return format_amount(mul_div_floor(ms, one, hour_ms).value_or(0)); }

json text_or_null(const std::string& text) { return text.empty() ? json(nullptr) : json(text); }

/// How long a session can still run: its agreed time, or what is held and what could be.
int64_t left_ms(const rental& r, amount available, time_ms now_ms) {
  if (r.state != rental_state::active) return 0;
  auto run = std::max<int64_t>(0, now_ms - r.started_ms);
  if (r.max_ms > 0) return std::max<int64_t>(0, r.max_ms - run);
  auto richer = r;
  richer.hold = checked_add(r.hold, available).value_or(r.hold);
  return std::max<int64_t>(0, covered_ms(richer) - run);
}

}  // namespace

outcome<rental_wish> read_wish(const json& body) {
  fields f{body};
  rental_wish w;
  w.user_id = f.text("user_id", 64);
  w.provider_id = f.text("provider_id", 64, true);
  w.job_id = f.text("job_id", 64);
  w.gpu_model = f.text("gpu_model", 128, true);
  w.vram_mb = read_share(f, "requested_vram_mb", share_mb_max);
  w.power_w = read_share(f, "estimated_power_w", share_watts_max);
  w.max_rate = f.money("max_hourly_rate");
  w.max_ms = read_duration(f);
  w.fee_inclusive = read_fee_mode(f);
  w.quote = f.text("quote", 4096);
  if (auto bad = f.problem()) return *bad;
  return w;
}

outcome<usage_report> read_report(const json& body, time_ms now_ms) {
  fields f{body};
  usage_report u;
  u.session_id = f.text("session_id", 64, true);
  u.reading.gpu_percent = read_measure(f, "gpu_utilization_percent", 0, 100, true);
  u.reading.vram_percent = read_measure(f, "vram_utilization_percent", 0, 100, true);
  u.reading.power_draw_w = read_measure(f, "power_draw_w", 0, share_watts_max, true);
  u.reading.temperature_c = read_measure(f, "temperature_c", -50, 200, false);
  u.reading.at_ms = f.time("timestamp");
  if (f.any("timestamp") == nullptr) u.reading.at_ms = now_ms;
  if (u.reading.at_ms > now_ms + report_ahead_ms) f.refuse("timestamp lies in the future");
  if (u.reading.at_ms < now_ms - report_behind_ms) f.refuse("timestamp is more than five minutes old");
  if (auto bad = f.problem()) return *bad;
  return u;
}

json rental_json(const rental& r) {
  return {{"id", r.id},
          {"session_id", r.id},
          {"user_id", r.user_id},
          {"provider_id", r.node_id},
          {"provider_user_id", r.provider_user},
          {"job_id", text_or_null(r.job_id)},
          {"status", to_string(r.state)},
          {"gpu_model", r.gpu_model},
          {"allocated_vram_mb", r.vram_mb},
          {"total_vram_mb", r.total_vram_mb},
          {"vram_percentage", r.total_vram_mb > 0 ? r.vram_mb * 100 / r.total_vram_mb : 0},
          {"hourly_rate", format_amount(r.base_rate)},
          {"vram_rate", format_amount(r.vram_rate)},
          {"power_rate", format_amount(r.power_rate)},
          {"total_hourly_rate", format_amount(r.rate)},
          {"platform_fee_rate", format_amount(r.fee_bps * (one / 10'000))},
          {"fee_mode", to_fee_mode(r.fee_inclusive)},
          {"estimated_power_w", r.power_w},
          {"actual_power_w", r.reported_ms > 0 ? json(r.power_draw_w) : json(nullptr)},
          {"gpu_utilization_percent", r.reported_ms > 0 ? json(r.gpu_percent) : json(nullptr)},
          {"vram_utilization_percent", r.reported_ms > 0 ? json(r.vram_percent) : json(nullptr)},
          {"temperature_c", r.reported_ms > 0 ? json(r.temperature_c) : json(nullptr)},
          {"reported_at", time_json(r.reported_ms)},
          {"started_at", time_json(r.started_ms)},
          {"ended_at", time_json(r.ended_ms)},
          {"last_billed_at", time_json(r.billed_ms)},
          {"max_duration_hours", r.max_ms > 0 ? json(hours_text(r.max_ms)) : json(nullptr)},
          {"hold", {{"amount", format_amount(r.hold)}, {"currency", to_string(r.currency)}}},
          {"held_until", r.state == rental_state::active ? time_json(r.started_ms + covered_ms(r)) : json(nullptr)},
          {"total_cost", format_amount(r.charged)},
          {"platform_fee", format_amount(r.fee)},
          {"provider_earnings", format_amount(r.charged - r.fee)},
          {"currency", to_string(r.currency)},
          {"end_reason", text_or_null(r.end_reason)},
          {"metadata", json::object()}};
}

json rental_costs_json(const rental& r, amount available, time_ms now_ms) {
  auto until = r.state == rental_state::active ? std::max(now_ms, r.started_ms) : r.ended_ms;
  if (r.max_ms > 0) until = std::min(until, r.started_ms + r.max_ms);
  auto so_far = price_of(r, until - r.started_ms);
  auto cost = std::max(r.charged, so_far.subtotal + so_far.fee);
  return {{"session", rental_json(r)},
          {"session_id", r.id},
          {"current_cost", format_amount(cost)},
          {"billed_cost", format_amount(r.charged)},
          {"duration_seconds", (until - r.started_ms) / 1000},
          {"estimated_hourly_cost", format_amount(rental_total(r, hour_ms).value_or(0))},
          {"remaining_balance", format_amount(available)},
          {"estimated_runtime_hours", hours_text(left_ms(r, available, now_ms))},
          {"currency", to_string(r.currency)}};
}

}  // namespace troupe
