// ID tokens: what holds is believed, and each thing that does not is refused. And a provider that answers by script.
#include "http/id_token.hpp"

#include <doctest/doctest.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/rsa.h>

#include <memory>

#include "config/log.hpp"
#include "config/world.hpp"
#include "http/oidc.hpp"
#include "http/signing.hpp"

using namespace troupe;

namespace {

constexpr time_ms now_ms = 1'800'000'000'000;
constexpr int64_t now_s = now_ms / 1000;
const id_expected want{"https://id.example", "troupe", "a nonce", now_ms};

/// Signs as a provider does.
class signer {
public:
  explicit signer(std::string kid, unsigned bits = 2048)
      : kid_{std::move(kid)}, key_{EVP_RSA_gen(bits), EVP_PKEY_free} {}

  json jwk() const { return {{"kty", "RSA"}, {"use", "sig"}, {"kid", kid_}, {"n", part("n")}, {"e", part("e")}}; }
  json jwks() const { return {{"keys", {jwk()}}}; }

  std::string sign(const json& claims, json header = {}) const {
    if (header.is_null()) header = {{"alg", "RS256"}, {"kid", kid_}};
    auto text = base64url(header.dump()) + "." + base64url(claims.dump());
    return text + "." + base64url(signature(text));
  }

private:
  std::string part(const char* name) const {
    BIGNUM* number = nullptr;
    EVP_PKEY_get_bn_param(key_.get(), name, &number);
    std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
    BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
    BN_free(number);
    return base64url(bytes);
  }
  std::string signature(const std::string& text) const {
    std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
    auto* bytes = reinterpret_cast<const unsigned char*>(text.data());
    size_t size = 0;
    EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key_.get());
    EVP_DigestSign(context.get(), nullptr, &size, bytes, text.size());
    std::string out(size, '\0');
    EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(out.data()), &size, bytes, text.size());
    out.resize(size);
    return out;
  }

  std::string kid_;
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> key_;
};

const signer& provider() {
  static const signer one{"k1"};
  return one;
}

json claims(const json& more = json::object()) {
  json x{{"iss", "https://id.example"}, {"aud", "troupe"},       {"sub", "ann"},
         {"nonce", "a nonce"},          {"iat", now_s},          {"exp", now_s + 60},
         {"email", "a@b.example"},      {"email_verified", true}};
  x.update(more);
  return x;
}

id_answer check(const std::string& token, const json& jwks = provider().jwks()) {
  return check_id_token(token, jwks, want);
}

}  // namespace

TEST_CASE("a token that holds says who it is") {
  auto answer = check(provider().sign(claims()));
  CHECK(answer.why == "");
  CHECK(answer.trouble == id_trouble::none);
  CHECK(answer.person.subject == "ann");
  CHECK(answer.person.email == "a@b.example");
  CHECK(answer.person.email_verified);
  CHECK_FALSE(check(provider().sign(claims({{"email_verified", false}}))).person.email_verified);
  CHECK(check(provider().sign(claims({{"aud", {"troupe"}}}))).trouble == id_trouble::none);
  CHECK(check(provider().sign(claims({{"aud", {"x", "troupe"}}, {"azp", "troupe"}}))).trouble == id_trouble::none);
  CHECK(check(provider().sign(claims({{"exp", now_s - 59}}))).trouble == id_trouble::none);
}

TEST_CASE("a claim that does not hold is refused") {
  const std::vector<json> bad{{{"iss", "https://id.example/"}},
                              {{"iss", nullptr}},
                              {{"aud", "another"}},
                              {{"aud", {"troupe", "x"}}},
                              {{"aud", json::array()}},
                              {{"azp", "another"}},
                              {{"exp", now_s - 60}},
                              {{"exp", nullptr}},
                              {{"iat", now_s + 61}},
                              {{"iat", nullptr}},
                              {{"nbf", now_s + 61}},
                              {{"nonce", "another"}},
                              {{"nonce", nullptr}},
                              {{"sub", ""}},
                              {{"sub", std::string(256, 'x')}},
                              {{"sub", 7}}};
  for (auto& more : bad) {
    INFO(more.dump());
    CHECK(check(provider().sign(claims(more))).trouble == id_trouble::refused);
  }
}

TEST_CASE("only RS256 of a published key of good size counts") {
  auto good = provider().sign(claims());
  CHECK(check(provider().sign(claims(), {{"alg", "none"}, {"kid", "k1"}})).trouble == id_trouble::refused);
  CHECK(check(provider().sign(claims(), {{"alg", "HS256"}, {"kid", "k1"}})).trouble == id_trouble::refused);
  CHECK(check(provider().sign(claims(), {{"alg", "RS256"}, {"kid", "k1"}, {"crit", {"x"}}})).trouble ==
        id_trouble::refused);
  CHECK(check(good.substr(0, good.rfind('.') + 1)).trouble == id_trouble::refused);
  CHECK(check(signer{"k1"}.sign(claims())).trouble == id_trouble::refused);
  CHECK(check(signer{"k2"}.sign(claims())).trouble == id_trouble::unknown_key);
  auto payload = good.substr(good.find('.') + 1, good.rfind('.') - good.find('.') - 1);
  auto other = good;
  other.replace(good.find('.') + 1, payload.size(), base64url(claims({{"sub", "bob"}}).dump()));
  CHECK(check(other).trouble == id_trouble::refused);
  signer small{"k1", 1024};
  CHECK(check(small.sign(claims()), small.jwks()).trouble == id_trouble::refused);
  auto sealing = provider().jwks();
  sealing["keys"][0]["use"] = "enc";
  CHECK(check(good, sealing).trouble == id_trouble::unknown_key);
  CHECK(check(good, json::object()).trouble == id_trouble::unknown_key);
  for (auto text : {"", ".", "..", "...", "a.b", "a.b.c.d", "%%%.e30.e30"})
    CHECK(check(text).trouble != id_trouble::none);
  CHECK(check(std::string(70'000, 'a')).trouble == id_trouble::refused);
}

namespace {

/// Answers by script, and counts.
struct script {
  json about{{"issuer", "https://id.example"},
             {"authorization_endpoint", "https://id.example/auth"},
             {"token_endpoint", "https://id.example/token"},
             {"jwks_uri", "https://id.example/keys"}};
  json keys = provider().jwks();
  fetch_answer token{200, {}, {}};
  fetch_ask asked;
  int about_reads = 0, key_reads = 0;

  oidc_settings settings{"https://id.example", "troupe", "a secret", "https://troupe.example/callback"};
  oidc_attempt attempt{"a state", "a nonce", "a verifier"};
  oidc_provider to{[this](const fetch_ask& x) { return answer(x); }};

  script() { log::open(log::level::off, log::form::json); }
  fetch_answer answer(const fetch_ask& x) {
    if (x.url == "https://id.example/.well-known/openid-configuration") return ++about_reads, good(about);
    if (x.url == "https://id.example/keys") return ++key_reads, good(keys);
    asked = x;
    return token;
  }
  static fetch_answer good(const json& body) { return {200, body.dump(), {}}; }
  outcome<id_person> redeem(time_ms now = now_ms) { return to.redeem(settings, "a code", attempt, now); }
  errc refusal(time_ms now = now_ms) {
    auto answer = redeem(now);
    auto* bad = std::get_if<failure>(&answer);
    return bad == nullptr ? errc::ok : bad->code;
  }
};

}  // namespace

TEST_CASE("a code is redeemed with the verifier and the client's secret, and the keys are read once") {
  script s;
  s.token = script::good({{"id_token", provider().sign(claims())}});
  CHECK(std::get<id_person>(s.redeem()).subject == "ann");
  CHECK(s.asked.user == "troupe");
  CHECK(s.asked.password == "a%20secret");
  CHECK(s.asked.form.find("code_verifier=a%20verifier") != std::string::npos);
  CHECK(s.asked.form.find("secret") == std::string::npos);
  CHECK(s.refusal() == errc::ok);
  CHECK(s.about_reads == 1);
  CHECK(s.key_reads == 1);
}

TEST_CASE("a key that is new at the provider is read, one that it does not know is refused") {
  script s;
  s.token = script::good({{"id_token", provider().sign(claims())}});
  CHECK(s.refusal() == errc::ok);
  signer next{"k2"};
  s.token = script::good({{"id_token", next.sign(claims())}});
  CHECK(s.refusal() == errc::unauthenticated);
  CHECK(s.key_reads == 1);  // not again within ten seconds
  s.keys = next.jwks();
  CHECK(s.refusal(now_ms + 10'000) == errc::ok);
  CHECK(s.key_reads == 2);
}

TEST_CASE("a provider that does not answer is asked again after five seconds") {
  script s;
  auto silent = true;
  s.to = oidc_provider{[&](const fetch_ask& x) {
    auto answer = s.answer(x);
    return silent ? fetch_answer{0, {}, "away"} : answer;
  }};
  s.token = script::good({{"id_token", provider().sign(claims())}});
  CHECK(s.refusal() == errc::unavailable);
  silent = false;
  CHECK(s.refusal(now_ms + 4'999) == errc::unavailable);
  CHECK(s.about_reads == 1);
  CHECK(s.refusal(now_ms + 5'000) == errc::ok);
}

TEST_CASE("a provider that does not answer as it should is unavailable, one that says no refuses") {
  script s;
  s.token = {0, {}, "away"};
  CHECK(s.refusal() == errc::unavailable);
  s.token = {500, "{}", {}};
  CHECK(s.refusal() == errc::unavailable);
  s.token = {400, R"({"error":"invalid_grant"})", {}};
  CHECK(s.refusal() == errc::unauthenticated);
  s.token = script::good(json::object());
  CHECK(s.refusal() == errc::unauthenticated);
  for (auto name : {"issuer", "token_endpoint", "jwks_uri", "authorization_endpoint"}) {
    script bad;
    bad.about[name] = "http://elsewhere.example";
    CHECK(bad.refusal() == errc::unavailable);
  }
}
