// The algorithm is pinned: what the token says about it must be RS256, and the key must be an RSA key.
#include "http/id_token.hpp"

#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include <memory>

#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr size_t token_bytes_max = 64 * 1024;
constexpr int64_t leeway_s = 60;
constexpr int rsa_bits_min = 2048;

template <auto release>
struct freed {
  template <class T>
  void operator()(T* x) const {
    release(x);
  }
};
using number = std::unique_ptr<BIGNUM, freed<BN_free>>;
using public_key = std::unique_ptr<EVP_PKEY, freed<EVP_PKEY_free>>;

std::string word(const json& from, const char* name) {
  auto x = from.find(name);
  return x != from.end() && x->is_string() ? x->get<std::string>() : std::string{};
}

int64_t whole(const json& from, const char* name) {
  auto x = from.find(name);
  return x != from.end() && x->is_number() ? x->get<int64_t>() : int64_t{-1};
}

number number_of(const json& jwk, const char* name) {
  auto bytes = from_base64url(word(jwk, name));
  if (!bytes || bytes->empty()) return nullptr;
  return number{
      BN_bin2bn(reinterpret_cast<const unsigned char*>(bytes->data()), static_cast<int>(bytes->size()), nullptr)};
}

public_key key_of(const json& jwk) {
  auto n = number_of(jwk, "n"), e = number_of(jwk, "e");
  if (!n || !e || BN_num_bits(n.get()) < rsa_bits_min) return nullptr;
  std::unique_ptr<OSSL_PARAM_BLD, freed<OSSL_PARAM_BLD_free>> build{OSSL_PARAM_BLD_new()};
  if (!build || OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(build.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1)
    return nullptr;
  std::unique_ptr<OSSL_PARAM, freed<OSSL_PARAM_free>> parts{OSSL_PARAM_BLD_to_param(build.get())};
  std::unique_ptr<EVP_PKEY_CTX, freed<EVP_PKEY_CTX_free>> context{EVP_PKEY_CTX_new_from_name(nullptr, "RSA", nullptr)};
  EVP_PKEY* key = nullptr;
  if (!parts || !context || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, parts.get()) != 1)
    return nullptr;
  return public_key{key};
}

bool may_sign(const json& jwk) {
  auto use = word(jwk, "use"), algorithm = word(jwk, "alg");
  return word(jwk, "kty") == "RSA" && (use.empty() || use == "sig") && (algorithm.empty() || algorithm == "RS256");
}

/// The one that the header names, or the only one when it names none.
const json* find_key(const json& jwks, const std::string& kid) {
  auto keys = jwks.find("keys");
  if (keys == jwks.end() || !keys->is_array()) return nullptr;
  const json* found = nullptr;
  int fitting = 0;
  for (auto& x : *keys) {
    if (!x.is_object() || !may_sign(x) || (!kid.empty() && word(x, "kid") != kid)) continue;
    found = &x;
    ++fitting;
  }
  return fitting == 1 || (fitting > 1 && !kid.empty()) ? found : nullptr;
}

bool is_for(const json& claims, const std::string& client_id) {
  auto aud = claims.find("aud");
  if (aud == claims.end()) return false;
  auto azp = word(claims, "azp");
  if (aud->is_string()) return aud->get_ref<const std::string&>() == client_id && (azp.empty() || azp == client_id);
  if (!aud->is_array()) return false;
  auto named = std::find(aud->begin(), aud->end(), json(client_id)) != aud->end();
  return named && (aud->size() == 1 ? azp.empty() || azp == client_id : azp == client_id);
}

id_answer refused(std::string why) { return {id_trouble::refused, std::move(why), {}}; }

id_answer check_claims(const json& claims, const id_expected& want) {
  auto now_s = want.now_ms / 1000;
  if (!claims.is_object()) return refused("the claims are no object");
  if (word(claims, "iss") != want.issuer) return refused("it is of another issuer");
  if (!is_for(claims, want.client_id)) return refused("it is for another client");
  if (whole(claims, "exp") <= now_s - leeway_s) return refused("it has expired");
  if (whole(claims, "iat") < 0 || whole(claims, "iat") > now_s + leeway_s) return refused("it is of the future");
  if (auto nbf = whole(claims, "nbf"); nbf > now_s + leeway_s) return refused("it is not valid yet");
  if (!same_bytes(word(claims, "nonce"), want.nonce)) return refused("the nonce is another");
  auto subject = word(claims, "sub");
  if (subject.empty() || subject.size() > 255) return refused("it has no subject");
  auto verified = claims.find("email_verified");
  auto is_verified = verified != claims.end() && (*verified == json(true) || *verified == json("true"));
  return {id_trouble::none, {}, {subject, word(claims, "email"), is_verified}};
}

}  // namespace

bool is_signed_rs256(const json& jwk, std::string_view text, std::string_view signature) {
  auto key = key_of(jwk);
  if (!key) return false;
  std::unique_ptr<EVP_MD_CTX, freed<EVP_MD_CTX_free>> context{EVP_MD_CTX_new()};
  auto bytes = [](std::string_view x) { return reinterpret_cast<const unsigned char*>(x.data()); };
  return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes(signature), signature.size(), bytes(text), text.size()) == 1;
}

id_answer check_id_token(std::string_view token, const json& jwks, const id_expected& want) {
  if (token.size() > token_bytes_max) return refused("it is too long");
  auto first = token.find('.');
  auto second = first == token.npos ? first : token.find('.', first + 1);
  if (second == token.npos || token.find('.', second + 1) != token.npos) return refused("it has not three parts");
  auto header = from_base64url(token.substr(0, first));
  auto payload = from_base64url(token.substr(first + 1, second - first - 1));
  auto signature = from_base64url(token.substr(second + 1));
  if (!header || !payload || !signature) return refused("it is not base64url");
  auto head = json::parse(*header, nullptr, false);
  if (!head.is_object() || word(head, "alg") != "RS256" || head.contains("crit")) return refused("it is not RS256");
  auto* key = find_key(jwks, word(head, "kid"));
  if (key == nullptr) return {id_trouble::unknown_key, "it is signed with a key that is not published", {}};
  if (!is_signed_rs256(*key, token.substr(0, second), *signature)) return refused("the signature is wrong");
  return check_claims(json::parse(*payload, nullptr, false), want);
}

}  // namespace troupe
