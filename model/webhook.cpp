// A failed attempt leaves the cursor where it is; only an answer of success, or the end of the pauses, moves it.
#include "model/webhook.hpp"

#include <algorithm>
#include <charconv>

namespace troupe {

namespace {

constexpr size_t pauses_max = 20;
constexpr int64_t pause_ms_max = 7LL * 24 * 3600 * 1000;

/// What the job machine, wallets, billing sessions and withdrawals tell.
constexpr std::array<std::string_view, 22> kinds{"blocked",
                                                 "scheduled",
                                                 "queued",
                                                 "started",
                                                 "progress",
                                                 "retrying",
                                                 "preempted",
                                                 "funds",
                                                 "stalled",
                                                 "cancelling",
                                                 "completed",
                                                 "failed",
                                                 "cancelled",
                                                 "session_started",
                                                 "session_ended",
                                                 "session_funds_low",
                                                 "low_balance",
                                                 "withdrawal_reserved",
                                                 "withdrawal_approved",
                                                 "withdrawal_cancelled",
                                                 "withdrawal_sent",
                                                 "withdrawal_failed"};

std::optional<int64_t> parse_pause(std::string_view text) {
  if (text.empty()) return std::nullopt;
  int64_t unit = text.back() == 's' ? 1'000 : text.back() == 'm' ? 60'000 : text.back() == 'h' ? 3'600'000 : 0;
  if (text.back() == 'd') unit = 24 * 3'600'000;
  int64_t count = 0;
  text.remove_suffix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), count);
  auto whole = error == std::errc{} && end == text.data() + text.size();
  if (unit == 0 || !whole || count < 1 || count > pause_ms_max / unit) return std::nullopt;
  return count * unit;
}

}  // namespace

bool is_billing_event(std::string_view kind) {
  return kind == "low_balance" || kind.starts_with("session_") || kind.starts_with("withdrawal_");
}

std::string event_name(std::string_view kind) {
  return (is_billing_event(kind) ? "billing." : "job.") + std::string{kind};
}

std::string event_id(int64_t seq) { return "evt_" + std::to_string(seq); }

bool is_event_name(std::string_view name) {
  return name == "*" || std::any_of(kinds.begin(), kinds.end(), [&](auto kind) { return event_name(kind) == name; });
}

bool wants(const webhook& w, std::string_view kind) {
  auto name = event_name(kind);
  return std::any_of(w.events.begin(), w.events.end(), [&](auto& x) { return x == "*" || x == name; });
}

std::optional<std::vector<int64_t>> parse_webhook_pauses(std::string_view text) {
  std::vector<int64_t> pauses;
  for (;;) {
    auto comma = text.find(',');
    auto one = parse_pause(text.substr(0, comma));
    if (!one || pauses.size() == pauses_max) return std::nullopt;
    pauses.push_back(*one);
    if (comma == text.npos) return pauses;
    text.remove_prefix(comma + 1);
  }
}

webhook_move after_attempt(const webhook& w, const event_row& e, int32_t status, const std::string& trouble,
                           const std::vector<int64_t>& pauses_ms, time_ms now_ms) {
  auto accepted = trouble.empty();
  auto retries = !accepted && static_cast<size_t>(w.attempts) < pauses_ms.size();
  webhook_move x{w.id, w.told_seq, w.attempts, e.seq, 0, 0, accepted ? 0 : w.given_up + 1, true, {}};
  if (retries) {
    x.told_seq = w.told_seq;
    x.attempts = w.attempts + 1;
    x.next_ms = now_ms + pauses_ms[static_cast<size_t>(w.attempts)];
    x.given_up = w.given_up;
  }
  x.active = x.given_up < webhook_given_up_max;
  auto state = accepted ? "delivered" : retries ? "retrying" : "given_up";
  x.delivery =
      webhook_delivery{e.seq, event_name(e.kind), state, w.attempts + 1, status, trouble, now_ms, now_ms, x.next_ms};
  return x;
}

webhook_move skip_to(const webhook& w, int64_t seq) {
  return {w.id, w.told_seq, w.attempts, seq, 0, 0, w.given_up, true, {}};
}

}  // namespace troupe
