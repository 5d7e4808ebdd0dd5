// A token is good only when every part of it is: form, algorithm, signature, issuer, audience, time, type.
#include "http/jwt.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "config/world.hpp"
#include "http/json.hpp"
#include "http/signing.hpp"

using namespace troupe;

namespace {

constexpr time_ms now = 1'800'000'000'000;
const std::string secret = "a secret of enough bytes for anyone";
const token_claims alice{"user_1", "ses_1", "alice@example.org", "alice", "user", "pro"};

const signing_key ours{"hs-1", "HS256", secret, {}};

/// A token that names no key means ours.
const signing_key* find(std::string_view kid) { return kid.empty() || kid == ours.kid ? &ours : nullptr; }

std::string fresh() { return sign_token(alice, ours, 3600, now); }

std::string part(const std::string& token, int which) {
  auto first = token.find('.'), second = token.find('.', first + 1);
  return which == 0   ? token.substr(0, first)
         : which == 1 ? token.substr(first + 1, second - first - 1)
                      : token.substr(second + 1);
}

std::string mac(const std::string& text, const std::string& key, const EVP_MD* how = EVP_sha256()) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(how, key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()), text.size(),
       digest, &size);
  return base64url({reinterpret_cast<char*>(digest), size});
}

json payload() {
  return {{"iss", "troupe"}, {"aud", "troupe"},   {"sub", "user_1"},       {"sid", "ses_1"},
          {"typ", "access"}, {"nbf", now / 1000}, {"exp", now / 1000 + 60}};
}

/// Signed with our own secret, whatever it says.
std::string signed_with(const std::string& header, const std::string& claims, const std::string& key = secret) {
  auto text = base64url(header) + '.' + base64url(claims);
  return text + '.' + mac(text, key);
}
const std::string good_header = R"({"alg":"HS256","typ":"JWT"})";

bool good(const std::string& token, time_ms at = now) { return check_token(token, find, at).has_value(); }

const signing_key& rsa() {
  static const auto key = open_signing_key("rs-1", "RS256", fresh_signing_secret("RS256")).value();
  return key;
}
const signing_key* find_rsa(std::string_view kid) { return kid == "rs-1" ? &rsa() : nullptr; }

}  // namespace

TEST_CASE("a fresh token says whose it is") {
  auto c = check_token(fresh(), find, now);
  REQUIRE(c);
  CHECK(c->user_id == alice.user_id);
  CHECK(c->session_id == alice.session_id);
  CHECK(c->email == alice.email);
  CHECK(c->username == alice.username);
  CHECK(c->role == alice.role);
  CHECK(c->tier == alice.tier);
  CHECK(c->id.size() == 32);
  CHECK(c->issued_s == now / 1000);
  CHECK(c->ends_s == now / 1000 + 3600);
  CHECK(fresh() != fresh());  // each has an id of its own
}

TEST_CASE("a token says all that the contract asks for") {
  auto with = alice;
  with.scope = {"read"};
  with.mfa = true;
  auto payload = json::parse(*from_base64url(part(sign_token(with, ours, 60, now), 1)));
  for (auto name : {"iss", "sub", "aud", "iat", "exp", "nbf", "jti", "sid", "role", "scope", "tier", "mfa", "typ",
                    "user_id", "username", "mfa_verified", "rate_limit_tier"}) {
    INFO(name);
    CHECK(payload.contains(name));
  }
  CHECK(payload["scope"] == json{"read"});
  CHECK(payload["mfa"] == true);
  CHECK(json::parse(*from_base64url(part(fresh(), 0)))["kid"] == "hs-1");
}

TEST_CASE("a token is good until its time and not a second longer, and not before it") {
  CHECK(good(fresh(), now + 60 * 60'000 - 1));
  CHECK_FALSE(good(fresh(), now + 60 * 60'000));
  CHECK(good(fresh(), now - 5'000));  // at a gateway whose clock is behind
  CHECK_FALSE(good(fresh(), now - 6'000));
  CHECK_FALSE(good(fresh(), now * 2));
}

TEST_CASE("a token of another secret is refused") {
  for (auto& other : {secret + "x", std::string{}}) {
    const signing_key wrong{"hs-1", "HS256", other, {}};
    CHECK_FALSE(check_token(
        fresh(), [&](std::string_view) { return &wrong; }, now));
  }
  CHECK_FALSE(check_token(
      fresh(), [](std::string_view) { return nullptr; }, now));
}

TEST_CASE("the algorithm is not for the token to choose") {
  CHECK(good(signed_with(good_header, payload().dump())));
  for (auto header :
       {R"({"alg":"none"})", R"({"alg":"None"})", R"({"alg":"hs256"})", R"({"alg":"HS512"})", R"({"alg":"RS256"})",
        R"({"alg":["HS256"]})", R"({"typ":"JWT"})", R"([])", R"("HS256")", "", R"({"alg":"HS256","crit":["exp"]})"}) {
    INFO(header);
    CHECK_FALSE(good(signed_with(header, payload().dump())));
  }
  auto unsigned_text = base64url(R"({"alg":"none"})") + '.' + base64url(payload().dump());
  CHECK_FALSE(good(unsigned_text + '.'));
  CHECK_FALSE(good(unsigned_text));
  auto text = base64url(R"({"alg":"HS512"})") + '.' + base64url(payload().dump());
  CHECK_FALSE(good(text + '.' + mac(text, secret, EVP_sha512())));
}

TEST_CASE("a changed payload, header or signature is refused") {
  auto token = fresh();
  auto claims = payload();
  claims["role"] = "admin";
  CHECK_FALSE(good(part(token, 0) + '.' + base64url(claims.dump()) + '.' + part(token, 2)));
  for (size_t i = 0; i < token.size(); i += 7) {
    auto damaged = token;
    damaged[i] = damaged[i] == 'A' ? 'B' : 'A';
    if (i + 1 != token.size()) CHECK_FALSE(good(damaged));
  }
  CHECK_FALSE(good(token + "A"));
  CHECK_FALSE(good(token.substr(0, token.size() - 2)));
}

TEST_CASE("issuer, audience, type and both ids must be there") {
  for (auto name : {"iss", "aud", "sub", "sid", "typ", "exp", "nbf"}) {
    INFO(name);
    auto missing = payload();
    missing.erase(name);
    CHECK_FALSE(good(signed_with(good_header, missing.dump())));
    auto other = payload();
    other[name] = json::array({1});
    CHECK_FALSE(good(signed_with(good_header, other.dump())));
  }
  auto refresh = payload();
  refresh["typ"] = "refresh";
  CHECK_FALSE(good(signed_with(good_header, refresh.dump())));
  auto huge = payload();
  huge["exp"] = 1e300;
  CHECK_FALSE(good(signed_with(good_header, huge.dump())));
}

TEST_CASE("what is no token at all is refused, however long") {
  for (auto& bad : {std::string{}, std::string{"."}, std::string{".."}, std::string{"..."}, std::string{"a.b.c"},
                    std::string{"a.b.c.d"}, std::string(1'048'576, 'a'), std::string(1'048'576, '.'),
                    fresh() + std::string(1'048'576, 'A'), std::string("\0.\0.\0", 5), std::string{"\xff.\xff.\xff"}})
    CHECK_FALSE(good(bad));
  CHECK_FALSE(good(signed_with(good_header, "not json")));
  CHECK_FALSE(good(signed_with(good_header, "[]")));
}

TEST_CASE("the key that a token names decides, and nothing else in its header") {
  CHECK(good(signed_with(R"({"alg":"HS256","kid":"hs-1"})", payload().dump())));
  for (auto header :
       {R"({"alg":"HS256","kid":"hs-2"})", R"({"alg":"HS256","kid":7})", R"({"alg":"HS256","kid":["hs-1"]})",
        R"({"alg":"HS256","kid":"../hs-1"})", R"({"alg":"HS256","kid":"hs-2","jwk":{"k":"AA"}})"}) {
    INFO(header);
    CHECK_FALSE(good(signed_with(header, payload().dump())));
  }
}

TEST_CASE("an RS256 token is good with its key, and with no other") {
  auto token = sign_token(alice, rsa(), 60, now);
  CHECK(check_token(token, find_rsa, now)->session_id == "ses_1");
  auto other = open_signing_key("rs-1", "RS256", fresh_signing_secret("RS256")).value();
  CHECK_FALSE(check_token(
      token, [&](std::string_view) { return &other; }, now));
  auto damaged = token;
  damaged[damaged.size() - 10] = damaged[damaged.size() - 10] == 'A' ? 'B' : 'A';
  CHECK_FALSE(check_token(damaged, find_rsa, now));
}

TEST_CASE("the public half of an RSA key is no secret for HMAC") {
  auto jwk = public_jwk(rsa());
  CHECK(jwk["kty"] == "RSA");
  CHECK(jwk["e"] == "AQAB");
  CHECK(from_base64url(jwk["n"].get<std::string>())->size() == 256);
  CHECK_FALSE(jwk.contains("d"));
  for (auto& stolen : {jwk["n"].get<std::string>(), *from_base64url(jwk["n"].get<std::string>()), jwk.dump()}) {
    CHECK_FALSE(check_token(signed_with(R"({"alg":"HS256","kid":"rs-1"})", payload().dump(), stolen), find_rsa, now));
    CHECK_FALSE(check_token(signed_with(R"({"alg":"RS256","kid":"rs-1"})", payload().dump(), stolen), find_rsa, now));
  }
  CHECK_FALSE(check_token(signed_with(R"({"alg":"none","kid":"rs-1"})", payload().dump(), ""), find_rsa, now));
}

TEST_CASE("a secret of the store that is no key opens nothing") {
  CHECK_FALSE(open_signing_key("k", "RS256", "-----BEGIN PRIVATE KEY-----\nAA==\n-----END PRIVATE KEY-----\n"));
  CHECK_FALSE(open_signing_key("k", "RS256", ""));
  CHECK_FALSE(open_signing_key("k", "HS256", ""));
  CHECK_FALSE(open_signing_key("k", "HS256", "AAAA"));
  CHECK_FALSE(open_signing_key("k", "none", fresh_signing_secret("HS256")));
  CHECK(open_signing_key("k", "HS256", fresh_signing_secret("HS256")));
}
