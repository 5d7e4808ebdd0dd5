// Words for transfer codes, and a refusal in the caller's terms.
#include "model/change.hpp"

namespace troupe {

std::string_view to_string(transfer_code x) {
  switch (x) {
    case transfer_code::deposit: return "deposit";
    case transfer_code::hold: return "hold";
    case transfer_code::provider_share: return "payment";
    case transfer_code::platform_fee: return "platform_fee";
    case transfer_code::release: return "release";
    case transfer_code::grant: return "grant";
  }
  return "transfer";
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
