// A provider is believed in what it says over the address that the operator configured, and in nothing else.
#include "http/oidc.hpp"

#include <openssl/evp.h>

#include "config/log.hpp"
#include "config/world.hpp"
#include "http/totp.hpp"

namespace troupe {

namespace {

constexpr time_ms remembered_ms = 5 * 60'000;
constexpr time_ms silent_ms = 5'000;
constexpr time_ms new_keys_ms = 10'000;  // an unknown key makes us look again, no more often than this

failure silent_provider() {
  return {errc::unavailable, "the login provider does not answer as it should", {}, {}, "OIDC_PROVIDER_ERROR"};
}

failure no_provider(const std::string& why) {
  log::warn("the login provider does not answer as it should", {{"why", why}});
  return silent_provider();
}

std::string word(const json& from, const char* name) {
  auto x = from.find(name);
  return x != from.end() && x->is_string() ? x->get<std::string>() : std::string{};
}

/// "a=b&c=d", each value encoded.
std::string form_of(std::initializer_list<std::pair<std::string_view, std::string_view>> values) {
  std::string text;
  for (auto& [name, value] : values)
    text += (text.empty() ? "" : "&") + std::string{name} + "=" + percent_encoded(value);
  return text;
}

/// S256 of RFC 7636.
std::string challenge_of(const std::string& verifier) {
  unsigned char digest[32];
  EVP_Digest(verifier.data(), verifier.size(), digest, nullptr, EVP_sha256(), nullptr);
  return base64url({reinterpret_cast<const char*>(digest), sizeof digest});
}

/// Who is configured with https stays there.
bool is_address(const std::string& url, const std::string& issuer) {
  return url.starts_with("https://") || (url.starts_with("http://") && issuer.starts_with("http://"));
}

bool takes_basic(const json& about) {
  auto list = about.find("token_endpoint_auth_methods_supported");
  if (list == about.end() || !list->is_array()) return true;
  return std::find(list->begin(), list->end(), json("client_secret_basic")) != list->end();
}

}  // namespace

oidc_attempt make_attempt() {
  return {base64url(random_bytes(32)), base64url(random_bytes(16)), base64url(random_bytes(32))};
}

outcome<json> oidc_provider::read_page(const fetch_ask& ask) {
  auto got = ask_(ask);
  if (got.status == 0) return no_provider(got.trouble);
  auto body = json::parse(got.body, nullptr, false);
  if (got.status != 200 || !body.is_object()) {
    auto why = body.is_object() ? word(body, "error") : std::string{};
    return no_provider("status " + std::to_string(got.status) + " " + why.substr(0, 64));
  }
  return body;
}

std::optional<failure> oidc_provider::discover(const oidc_settings& s, time_ms now_ms) {
  if (issuer_ == s.issuer && now_ms - about_.read_ms < remembered_ms) return {};
  if (now_ms - failed_ms_ < silent_ms) return silent_provider();
  auto base = s.issuer.ends_with('/') ? s.issuer.substr(0, s.issuer.size() - 1) : s.issuer;
  auto got = read_page({base + "/.well-known/openid-configuration"});
  failed_ms_ = std::holds_alternative<failure>(got) ? now_ms : 0;
  if (auto* bad = std::get_if<failure>(&got)) return *bad;
  auto& about = std::get<json>(got);
  if (word(about, "issuer") != s.issuer) return no_provider("it calls itself another issuer");
  for (auto name : {"authorization_endpoint", "token_endpoint", "jwks_uri"})
    if (!is_address(word(about, name), s.issuer)) return no_provider(std::string{name} + " is no good address");
  issuer_ = s.issuer;
  about_ = {std::move(about), now_ms};
  keys_ = {};
  return {};
}

std::optional<failure> oidc_provider::read_keys(time_ms now_ms, time_ms age_max_ms) {
  if (keys_.read_ms != 0 && now_ms - keys_.read_ms < age_max_ms) return {};
  auto got = read_page({word(about_.body, "jwks_uri")});
  if (auto* bad = std::get_if<failure>(&got)) return *bad;
  keys_ = {std::move(std::get<json>(got)), now_ms};
  return {};
}

outcome<std::string> oidc_provider::authorization_url(const oidc_settings& s, const oidc_attempt& a, time_ms now_ms) {
  if (auto bad = discover(s, now_ms)) return *bad;
  auto url = word(about_.body, "authorization_endpoint");
  url += url.find('?') == url.npos ? "?" : "&";
  return url + form_of({{"response_type", "code"},
                        {"client_id", s.client_id},
                        {"redirect_uri", s.redirect_uri},
                        {"scope", "openid email"},
                        {"state", a.state},
                        {"nonce", a.nonce},
                        {"code_challenge", challenge_of(a.verifier)},
                        {"code_challenge_method", "S256"}});
}

outcome<std::string> oidc_provider::exchange_code(const oidc_settings& s, const std::string& code,
                                                  const std::string& verifier) {
  fetch_ask ask{word(about_.body, "token_endpoint")};
  ask.form = form_of({{"grant_type", "authorization_code"},
                      {"code", code},
                      {"redirect_uri", s.redirect_uri},
                      {"code_verifier", verifier}});
  if (!s.client_secret.empty() && takes_basic(about_.body)) {
    ask.user = percent_encoded(s.client_id);
    ask.password = percent_encoded(s.client_secret);
  } else {
    ask.form += "&" + form_of({{"client_id", s.client_id}});
    if (!s.client_secret.empty()) ask.form += "&" + form_of({{"client_secret", s.client_secret}});
  }
  auto got = ask_(ask);
  if (got.status == 0 || got.status >= 500) return no_provider(got.trouble);
  auto body = json::parse(got.body, nullptr, false);
  if (got.status != 200 || !body.is_object())
    return failure{errc::unauthenticated, "the login provider does not take that code", {}, {}, "OIDC_CODE_REFUSED"};
  return word(body, "id_token");
}

outcome<id_person> oidc_provider::redeem(const oidc_settings& s, const std::string& code, const oidc_attempt& a,
                                         time_ms now_ms) {
  if (auto bad = discover(s, now_ms)) return *bad;
  auto token = exchange_code(s, code, a.verifier);
  if (auto* bad = std::get_if<failure>(&token)) return *bad;
  if (auto bad = read_keys(now_ms, remembered_ms)) return *bad;
  id_expected want{s.issuer, s.client_id, a.nonce, now_ms};
  auto answer = check_id_token(std::get<std::string>(token), keys_.body, want);
  if (answer.trouble == id_trouble::unknown_key) {
    if (auto bad = read_keys(now_ms, new_keys_ms)) return *bad;
    answer = check_id_token(std::get<std::string>(token), keys_.body, want);
  }
  if (answer.trouble == id_trouble::none) return answer.person;
  log::warn("an ID token was refused", {{"why", answer.why}});
  return failure{errc::unauthenticated, "the login provider's answer does not hold", {}, {}, "OIDC_TOKEN_REFUSED"};
}

}  // namespace troupe
