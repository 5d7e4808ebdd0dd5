// A token is good only when every part of it is: form, algorithm, signature, issuer, audience, time, type.
#include "http/jwt.hpp"

#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "config/world.hpp"
#include "http/json.hpp"

using namespace troupe;

namespace {

constexpr time_ms now = 1'800'000'000'000;
const std::string secret = "a secret of enough bytes for anyone";
const token_claims alice{"user_1", "ses_1", "alice@example.org", "alice", "user", "pro"};

std::string fresh() { return sign_token(alice, secret, 60, now); }

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

bool good(const std::string& token, time_ms at = now) { return check_token(token, secret, at).has_value(); }

}  // namespace

TEST_CASE("a fresh token says whose it is") {
  auto c = check_token(fresh(), secret, now);
  REQUIRE(c);
  CHECK(c->user_id == alice.user_id);
  CHECK(c->session_id == alice.session_id);
  CHECK(c->email == alice.email);
  CHECK(c->username == alice.username);
  CHECK(c->role == alice.role);
  CHECK(c->tier == alice.tier);
  CHECK(fresh() != fresh());  // each has an id of its own
}

TEST_CASE("a token is good until its time and not a second longer, and not before it") {
  CHECK(good(fresh(), now + 60 * 60'000 - 1));
  CHECK_FALSE(good(fresh(), now + 60 * 60'000));
  CHECK_FALSE(good(fresh(), now - 1'000));
  CHECK_FALSE(good(fresh(), now * 2));
}

TEST_CASE("a token of another secret is refused") {
  CHECK_FALSE(check_token(fresh(), secret + "x", now));
  CHECK_FALSE(check_token(fresh(), "", now));
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
