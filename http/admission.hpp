// Who asks, and whether it may now: credential, signature, limits, scope, role. What refuses costs less than what it
// keeps out.
#pragma once

#include "http/routes.hpp"

namespace troupe {

/// Runs the row of the call, or refuses. REQUIRES: the row needs a credential.
void enter(const call_ptr&);
/// The same for an open row: counted by address.
void enter_open(const call_ptr&);

/// For a WebSocket: `next` gets who it is, and what must be kept as long as the socket is open.
void enter_stream(edge&, std::shared_ptr<const http_request>, std::function<void(http_reply)> refuse,
                  std::function<void(const principal&, std::shared_ptr<void> place)> next);

/// Why the credential may not ask for this model; nothing when it may, or when there is no model.
std::optional<failure> barred_model(const principal&, const std::string& model);

}  // namespace troupe
