// HS256, compared in constant time.
#include "http/jwt.hpp"

#include "config/world.hpp"
#include "http/json.hpp"
#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr std::string_view issuer = "troupe", audience = "troupe";
constexpr size_t token_bytes_max = 4096;

bool good_header(std::string_view text) {
  auto header = json::parse(text, nullptr, false);
  return header.is_object() && header.value("alg", json{}) == "HS256" && !header.contains("crit");
}

std::optional<token_claims> claims_of(std::string_view text, time_ms now_ms) {
  auto c = json::parse(text, nullptr, false);
  if (!c.is_object()) return std::nullopt;
  auto word = [&](const char* name) {
    auto x = c.find(name);
    return x != c.end() && x->is_string() ? x->get<std::string>() : std::string{};
  };
  auto number = [&](const char* name) {
    auto x = c.find(name);
    return x != c.end() && x->is_number_integer() ? x->get<int64_t>() : int64_t{-1};
  };
  if (word("iss") != issuer || word("aud") != audience || word("typ") != "access") return std::nullopt;
  auto now_s = now_ms / 1000;
  if (number("nbf") < 0 || number("nbf") > now_s || number("exp") <= now_s) return std::nullopt;
  token_claims claims{word("sub"), word("sid"), word("email"), word("username"), word("role"), word("tier")};
  if (claims.user_id.empty() || claims.session_id.empty()) return std::nullopt;
  return claims;
}

}  // namespace

std::string sign_token(const token_claims& c, const std::string& secret, int64_t minutes, time_ms now_ms) {
  auto now_s = now_ms / 1000;
  json header{{"alg", "HS256"}, {"typ", "JWT"}};
  json payload{{"iss", issuer},
               {"aud", audience},
               {"sub", c.user_id},
               {"iat", now_s},
               {"nbf", now_s},
               {"exp", now_s + minutes * 60},
               {"jti", random_hex(16)},
               {"sid", c.session_id},
               {"typ", "access"},
               {"role", c.role},
               {"tier", c.tier},
               {"user_id", c.user_id},
               {"email", c.email},
               {"username", c.username},
               {"scope", c.scope.empty() ? std::vector<std::string>{"read", "write"} : c.scope},
               {"mfa", c.mfa},
               {"mfa_verified", c.mfa},
               {"rate_limit_tier", c.tier}};
  auto text = base64url(header.dump()) + '.' + base64url(payload.dump());
  return text + '.' + base64url(hmac_sha256(text, secret));
}

std::optional<token_claims> check_token(std::string_view token, const std::string& secret, time_ms now_ms) {
  if (token.size() > token_bytes_max) return std::nullopt;
  auto first = token.find('.');
  auto second = first == std::string_view::npos ? first : token.find('.', first + 1);
  if (second == std::string_view::npos || token.find('.', second + 1) != std::string_view::npos) return std::nullopt;
  auto signature = from_base64url(token.substr(second + 1));
  if (!signature || !same_bytes(*signature, hmac_sha256(token.substr(0, second), secret))) return std::nullopt;
  auto header = from_base64url(token.substr(0, first));
  auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  if (!header || !payload || !good_header(*header)) return std::nullopt;
  return claims_of(*payload, now_ms);
}

}  // namespace troupe
