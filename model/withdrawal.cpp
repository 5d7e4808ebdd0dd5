// Each of the three changes carries its event, so that the owner hears of it in the same transaction.
#include "model/withdrawal.hpp"

#include <array>

#include "model/error.hpp"

namespace troupe {

namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr size_t address_bytes = 32;
constexpr std::string_view base58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

event_row event_of(const withdrawal_row& w, withdrawal_state state, const std::string& note, time_ms now_ms) {
  event_row e;
  e.user_id = w.user_id;
  e.job_id = w.id;
  e.kind = "withdrawal_" + std::string{to_string(state)};
  e.message = note;
  e.value = w.value + w.fee;
  e.currency = w.currency;
  e.at_ms = now_ms;
  return e;
}

change move_of(const withdrawal_row& w, withdrawal_state to, const std::string& note, time_ms now_ms) {
  change c;
  c.withdrawal = withdrawal_move{w.id, withdrawal_state::reserved, to, now_ms, note};
  c.events.push_back(event_of(w, to, note, now_ms));
  auto code = w.source == account_kind::payable ? transfer_code::payout : transfer_code::withdrawal;
  account_key platform{std::string{platform_owner}, account_kind::in_transit, w.currency};
  c.closes = hold_close{w.hold_id, w.id, platform, {}, 0, code};
  return c;
}

}  // namespace

bool is_solana_address(std::string_view text) {
  if (text.size() < address_bytes || text.size() > 44) return false;
  std::array<unsigned, address_bytes> bytes{};  // the number, least byte first
  for (auto c : text) {
    auto digit = base58.find(c);
    if (digit == std::string_view::npos) return false;
    auto carry = static_cast<unsigned>(digit);
    for (auto& b : bytes) {
      carry += b * 58;
      b = carry & 0xff;
      carry >>= 8;
    }
    if (carry != 0) return false;
  }
  // Each leading zero byte is written as one '1', no more and no fewer.
  auto ones = std::min(text.find_first_not_of('1'), text.size());
  size_t zeros = 0;
  while (zeros < bytes.size() && bytes[bytes.size() - 1 - zeros] == 0) ++zeros;
  return ones == zeros;
}

outcome<change> reserve_withdrawal(const withdrawal_wish& x, const withdrawal_rules& rules, const std::string& id,
                                   time_ms now_ms) {
  auto payout = x.source == account_kind::payable;
  if (x.value <= 0) return failure{errc::invalid, "amount must be more than zero", {}, {}, "INVALID_AMOUNT"};
  if (!is_solana_address(x.to_address))
    return failure{
        errc::invalid, "to_address is not an address: base 58 of 32 bytes", {}, {}, "INVALID_SOLANA_ADDRESS"};
  if (payout && x.value < rules.payout_min)
    return failure{
        errc::invalid, "a payout is at least " + format_amount(rules.payout_min), {}, {}, "MINIMUM_PAYOUT_AMOUNT"};
  if (x.value > rules.max)
    return failure{errc::limit_exceeded, "at most " + format_amount(rules.max) + " at a time", {}, {}};
  withdrawal_row w;
  w.id = id;
  w.user_id = x.user_id;
  w.hold_id = "hold_" + id;
  w.to_address = x.to_address;
  w.source = x.source;
  w.currency = x.currency;
  w.fee = payout ? mul_div_ceil(x.value, rules.payout_fee_bps, 10'000).value_or(0) : 0;
  w.value = x.value - w.fee;
  if (w.value <= 0) return failure{errc::invalid, "nothing is left behind the fee", {}, {}, "MINIMUM_PAYOUT_AMOUNT"};
  w.created_ms = w.changed_ms = now_ms;
  w.expires_ms = now_ms + rules.hours * hour_ms;
  change c;
  c.opens = hold_open{w.hold_id, w.id, {x.user_id, x.source, x.currency}, x.value};
  c.events.push_back(event_of(w, withdrawal_state::reserved, {}, now_ms));
  c.withdraws = withdrawal_open{std::move(w), now_ms - 24 * hour_ms, rules.daily};
  return c;
}

change approve_withdrawal(const withdrawal_row& w, const std::string& note, time_ms now_ms) {
  auto c = move_of(w, withdrawal_state::approved, note, now_ms);
  c.closes->paid = {w.value, w.fee};
  return c;
}

change cancel_withdrawal(const withdrawal_row& w, const std::string& note, time_ms now_ms) {
  return move_of(w, withdrawal_state::cancelled, note, now_ms);
}

}  // namespace troupe
