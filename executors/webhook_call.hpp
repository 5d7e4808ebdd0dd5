// One delivery to a webhook: signed, and sent where its user said, within the rules for such URLs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "executors/outbound.hpp"

namespace troupe {

/// "whsec_" and base64 of 24 random bytes.
std::string new_webhook_secret();

/// `secrets`: the present one first. Each of them signs twice: `X-Webhook-Signature: t=S,v1=HEX,...` is keyed by the
/// whole text, over "S.BODY"; the Standard Webhooks headers by what is behind "whsec_", over "ID.S.BODY", for secrets
/// of that form. REQUIRES: no line breaks in `id`.
outbound_request webhook_request(const outbound_url& url, const std::string& id, const std::string& body,
                                 const std::vector<std::string>& secrets, int64_t unix_s);

/// Why that answer does not count as accepted; empty for 2xx, however long its body is.
std::string webhook_trouble(const outbound_answer&);

}  // namespace troupe
