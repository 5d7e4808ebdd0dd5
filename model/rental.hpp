// Billing sessions: what they cost, when they grow, how they end. Pure: each step is one `change` that works once,
// because the session's version and the hold's step number are part of it.
#pragma once

#include <optional>
#include <string>

#include "model/change.hpp"

namespace troupe {

namespace limits {
inline constexpr int64_t rental_window_ms = 3'600'000;  // what is held at first, and added each time
inline constexpr int64_t rental_ahead_ms = 360'000;     // with 10 % of the newest window left it is time for the next
inline constexpr int64_t rental_last_ms = 60'000;       // ... and with this, after 5 minutes of grace, for the last try
inline constexpr int64_t rental_ms_min = 60'000;
inline constexpr int64_t rental_ms_max = 24 * 3'600'000LL;
inline constexpr amount rental_balance_min = one;  // to start
}  // namespace limits

/// What `ms` cost by the session's terms, at most its hold. Rises with `ms`; the fee is that of the whole sum, so the
/// differences between any two points add up to the price of one bill. REQUIRES: ms >= 0, rate > 0.
settlement price_of(const rental&, int64_t ms);
/// The same without the bound of the hold. Nothing on overflow.
std::optional<amount> rental_total(const rental&, int64_t ms);
/// How long the hold lasts, counted from the start.
int64_t covered_ms(const rental&);

/// Starts the session described by `terms` (people, machine, rates, fee, max_ms): holds its whole time when that is
/// fixed, else the first window. Errors: invalid (the hold does not fit).
outcome<change> open_rental(rental terms, time_ms now_ms);

/// What a provider measured.
struct rental_reading {
  int64_t gpu_percent = 0, vram_percent = 0, power_draw_w = 0, temperature_c = 0;
  time_ms at_ms = 0;
};
/// Captures what was used since the last time. An older reading than the newest one is not kept.
change tick_rental(const rental&, const std::optional<rental_reading>&, time_ms now_ms, time_ms matures_ms = 0);

/// One more window, on top of what was used up should nobody have looked. Nothing when the sum does not fit.
std::optional<change> extend_rental(const rental&, time_ms now_ms);
/// The money for another window was not there: the user is told and asked again after the grace; in the end it is over.
change refused_rental(const rental&, time_ms now_ms, time_ms matures_ms = 0);
/// The last capture, the release of the rest, and the day's usage. Never later than what the hold covers.
change end_rental(const rental&, rental_state as, std::string reason, time_ms now_ms, time_ms matures_ms = 0);

/// What the clock asks of a session that is due: its end, or another window. Nothing when it is not due.
std::optional<change> due_change(const rental&, time_ms now_ms, time_ms matures_ms = 0);

}  // namespace troupe
