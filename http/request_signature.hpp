// Signed requests: an HMAC over method, target, body, time and a nonce that counts once. With it a request that
// somebody overheard, its API key included, cannot be changed or sent again.
#pragma once

#include "http/routes.hpp"

namespace troupe {

/// It has one: then it must be good, whoever asks for it.
bool has_signature(const http_request&);

/// What a request is signed with. Derived from a secret of the installation (a file with SQLite, a row of the gateways'
/// secrets with PostgreSQL) and the hash of the API key, so no row of a key tells it, and neither does the key.
std::string signing_secret(const edge&, const std::string& credential);

/// The text that is signed: METHOD, target as sent, hex SHA-256 of the body, Unix seconds, nonce; a line each.
std::string text_to_sign(const http_request&, std::string_view timestamp, std::string_view nonce);

/// `next` gets nothing when the signature is good and its nonce was never seen: it is stored then, before the answer.
void check_signature(edge&, const http_request&, const std::string& credential,
                     std::function<void(const std::optional<failure>&)> next);

}  // namespace troupe
