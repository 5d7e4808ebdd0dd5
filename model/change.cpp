// Words for transfer codes, and a refusal in the caller's terms.
#include "model/change.hpp"

namespace troupe {

std::string_view to_string(transfer_code x) {
  switch (x) {
    case transfer_code::deposit: return "deposit";
    case transfer_code::withdrawal: return "withdrawal";
    case transfer_code::hold: return "hold";
    case transfer_code::provider_share: return "payment";
    case transfer_code::platform_fee: return "platform_fee";
    case transfer_code::release: return "release";
    case transfer_code::mature: return "mature";
    case transfer_code::payout: return "payout";
    case transfer_code::stake: return "stake";
    case transfer_code::unstake: return "unstake";
    case transfer_code::slash: return "slash";
    case transfer_code::correction: return "correction";
    case transfer_code::internal_transfer: return "transfer";
    case transfer_code::grant: return "grant";
  }
  return "transfer";
}

std::string_view to_string(withdrawal_state x) {
  switch (x) {
    case withdrawal_state::reserved: return "reserved";
    case withdrawal_state::approved: return "approved";
    case withdrawal_state::cancelled: return "cancelled";
    case withdrawal_state::sent: return "sent";
    case withdrawal_state::failed: return "failed";
  }
  return "unknown";
}

std::string_view to_string(rental_state x) {
  switch (x) {
    case rental_state::active: return "active";
    case rental_state::completed: return "completed";
    case rental_state::cancelled: return "cancelled";
    case rental_state::terminated: return "terminated";
  }
  return "unknown";
}

failure to_failure(const change_result& x) {
  failure f{x.why, x.detail, {}, {}};
  if (x.why == errc::insufficient_funds) {
    f.required = format_amount(x.required);
    f.balance = format_amount(x.available);
  }
  return f;
}

}  // namespace troupe
