// First the header says which key, then the key says which algorithm; what is signed is read last.
#include "http/jwt.hpp"

#include "config/world.hpp"
#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr std::string_view issuer = "troupe", audience = "troupe";
constexpr size_t token_bytes_max = 4096;
constexpr int64_t skew_s = 5;  // so far may the clock of another gateway be behind ours

const signing_key* key_of(std::string_view text, const find_key_fn& find) {
  auto header = json::parse(text, nullptr, false);
  if (!header.is_object() || header.contains("crit")) return nullptr;
  auto kid = header.find("kid");
  if (kid != header.end() && !kid->is_string()) return nullptr;
  const auto* key = find(kid == header.end() ? std::string_view{} : kid->get_ref<const std::string&>());
  return key != nullptr && header.value("alg", json{}) == key->algorithm ? key : nullptr;
}

std::string word(const json& c, const char* name) {
  auto x = c.find(name);
  return x != c.end() && x->is_string() ? x->get<std::string>() : std::string{};
}

int64_t number(const json& c, const char* name) {
  auto x = c.find(name);
  return x != c.end() && x->is_number_integer() ? x->get<int64_t>() : int64_t{-1};
}

std::optional<token_claims> claims_of(std::string_view text, time_ms now_ms) {
  auto c = json::parse(text, nullptr, false);
  if (!c.is_object()) return std::nullopt;
  if (word(c, "iss") != issuer || word(c, "aud") != audience || word(c, "typ") != "access") return std::nullopt;
  auto now_s = now_ms / 1000;
  auto ends_s = number(c, "exp");
  if (number(c, "nbf") < 0 || number(c, "nbf") > now_s || ends_s <= now_s) return std::nullopt;
  token_claims claims{word(c, "sub"),      word(c, "sid"),  word(c, "email"),
                      word(c, "username"), word(c, "role"), word(c, "tier")};
  if (claims.user_id.empty() || claims.session_id.empty()) return std::nullopt;
  if (auto scope = c.find("scope"); scope != c.end() && scope->is_array())
    for (auto& x : *scope)
      if (x.is_string()) claims.scope.push_back(x.get<std::string>());
  claims.mfa = c.value("mfa", json{}) == true;
  claims.id = word(c, "jti");
  claims.issued_s = number(c, "iat");
  claims.ends_s = ends_s;
  return claims;
}

}  // namespace

std::string sign_token(const token_claims& c, const signing_key& key, int64_t seconds, time_ms now_ms) {
  auto now_s = now_ms / 1000;
  json header{{"alg", key.algorithm}, {"typ", "JWT"}, {"kid", key.kid}};
  json payload{{"iss", issuer},         {"aud", audience},          {"sub", c.user_id},      {"iat", now_s},
               {"nbf", now_s - skew_s}, {"exp", now_s + seconds},   {"jti", random_hex(16)}, {"sid", c.session_id},
               {"typ", "access"},       {"role", c.role},           {"scope", c.scope},      {"tier", c.tier},
               {"mfa", c.mfa},          {"user_id", c.user_id},     {"email", c.email},      {"username", c.username},
               {"mfa_verified", c.mfa}, {"rate_limit_tier", c.tier}};
  auto dumped = payload.dump(-1, ' ', false, json::error_handler_t::replace);
  auto text = base64url(header.dump()) + '.' + base64url(dumped);
  return text + '.' + base64url(sign(key, text));
}

std::optional<token_claims> check_token(std::string_view token, const find_key_fn& find, time_ms now_ms) {
  if (token.size() > token_bytes_max) return std::nullopt;
  auto first = token.find('.');
  auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  auto header = from_base64url(token.substr(0, first));
  auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header || !payload || !signature) return std::nullopt;
  const auto* key = key_of(*header, find);
  if (key == nullptr || !verify(*key, token.substr(0, second), *signature)) return std::nullopt;
  return claims_of(*payload, now_ms);
}

}  // namespace troupe
