// The nonce is a row, not a memory: it counts once on all gateways, and after any crash.
#include "http/request_signature.hpp"

#include <cstdlib>

#include "config/world.hpp"
#include "http/signing.hpp"
#include "model/identity.hpp"

namespace troupe {

namespace {

constexpr std::string_view time_header = "X-Signature-Timestamp", nonce_header = "X-Signature-Nonce",
                           value_header = "X-Signature";
constexpr int64_t tolerance_s = 300;
constexpr size_t nonce_bytes_min = 8, nonce_bytes_max = 64;

failure wrong(const char* why) { return {errc::unauthenticated, why, {}, {}, "SIGNATURE_INVALID"}; }

std::string hex(std::string_view bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (unsigned char c : bytes) {
    text += digits[c >> 4];
    text += digits[c & 15];
  }
  return text;
}

bool good_nonce(std::string_view x) {
  auto plain = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' || c == '_';
  };
  return x.size() >= nonce_bytes_min && x.size() <= nonce_bytes_max && std::all_of(x.begin(), x.end(), plain);
}

bool good_time(const std::string& x, int64_t now_s) {
  if (x.empty() || x.size() > 12 || x.find_first_not_of("0123456789") != std::string::npos) return false;
  auto at = std::stoll(x);
  return at >= now_s - tolerance_s && at <= now_s + tolerance_s;
}

}  // namespace

bool has_signature(const http_request& r) { return r.header && !r.header(value_header).empty(); }

std::string signing_secret(const edge& e, const std::string& credential) {
  return "fss_" + base64url(hmac_sha256("signs requests\n" + credential, e.signing_root));
}

std::string text_to_sign(const http_request& r, std::string_view timestamp, std::string_view nonce) {
  auto text = r.method + '\n' + r.target + '\n' + sha256_hex(r.body) + '\n';
  return text.append(timestamp).append("\n").append(nonce);
}

void check_signature(edge& e, const http_request& r, const std::string& credential,
                     std::function<void(const std::optional<failure>&)> next) {
  if (!credential.starts_with("key:")) return next(wrong("only requests with an API key are signed"));
  auto timestamp = r.header(time_header), nonce = r.header(nonce_header);
  auto now_ms = e.h.now_ms();
  if (!good_nonce(nonce)) return next(wrong("X-Signature-Nonce must be 8 to 64 letters, digits, - or _"));
  if (!good_time(timestamp, now_ms / 1'000))
    return next(wrong("X-Signature-Timestamp must be Unix seconds, within 5 minutes of now"));
  auto expected = hex(hmac_sha256(text_to_sign(r, timestamp, nonce), signing_secret(e, credential)));
  if (!same_bytes(r.header(value_header), expected)) return next(wrong("X-Signature does not fit"));
  identity_change steps;
  steps.steps.emplace_back(nonce_use{credential, nonce, now_ms, (std::stoll(timestamp) + tolerance_s + 1) * 1'000});
  change x;
  x.identity = std::make_shared<const identity_change>(std::move(steps));
  exchange(e.h, e.h.actors.ledger.get(), commit_changes{{std::move(x)}}, no_limit,
           [next = std::move(next)](const outcome<commit_results>& done) {
             if (auto* bad = std::get_if<failure>(&done)) return next(*bad);
             auto& result = std::get<commit_results>(done).results.at(0);
             if (result.why == errc::ok) return next(std::nullopt);
             next(result.why == errc::conflict ? wrong("that nonce was used before") : to_failure(result));
           });
}

}  // namespace troupe
