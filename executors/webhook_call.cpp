// Two forms of signature, so that receivers of either kind need no code of their own.
#include "executors/webhook_call.hpp"

#include "config/base64.hpp"
#include "config/hmac.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

constexpr std::string_view mark = "whsec_";
constexpr size_t secret_bytes = 24;
constexpr size_t answer_bytes_max = 64 * 1024;

/// The key behind "whsec_"; empty when the secret has another form.
std::string standard_key(std::string_view secret) {
  if (!secret.starts_with(mark)) return {};
  return from_base64(std::string{secret.substr(mark.size())}).value_or("");
}

}  // namespace

std::string new_webhook_secret() { return std::string{mark} + base64(random_bytes(secret_bytes)); }

outbound_request webhook_request(const outbound_url& url, const std::string& id, const std::string& body,
                                 const std::vector<std::string>& secrets, int64_t unix_s) {
  auto at = std::to_string(unix_s);
  auto own = "X-Webhook-Signature: t=" + at;
  std::string standard;
  for (auto& secret : secrets) {
    own += ",v1=" + to_hex(hmac_sha256(at + "." + body, secret));
    if (auto key = standard_key(secret); !key.empty())
      standard += " v1," + base64(hmac_sha256(id + "." + at + "." + body, key));
  }
  outbound_request r;
  r.url = url;
  r.body = body;
  r.answer_bytes_max = answer_bytes_max;
  r.headers = {"Content-Type: application/json", "User-Agent: troupe-webhooks", own, "webhook-id: " + id,
               "webhook-timestamp: " + at};
  if (!standard.empty()) r.headers.push_back("webhook-signature:" + standard);
  return r;
}

std::string webhook_trouble(const outbound_answer& a) {
  if (a.status >= 200 && a.status < 300 && (a.end == outbound_end::answered || a.end == outbound_end::too_large))
    return {};
  if (a.end != outbound_end::answered) return a.trouble;
  auto redirect = a.status >= 300 && a.status < 400;
  return "answered " + std::to_string(a.status) + (redirect ? ": redirects are not followed" : "");
}

}  // namespace troupe
