// OpenSSL's RSA, 2048 bits: what RFC 7518 asks for at least.
#include "http/signing_key.hpp"

#include <openssl/bio.h>
#include <openssl/bn.h>
#include <openssl/core_names.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include <stdexcept>

#include "config/world.hpp"
#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr unsigned int rsa_bits = 2048;
constexpr size_t hmac_key_bytes = 32;

using context_ptr = std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)>;
using bio_ptr = std::unique_ptr<BIO, decltype(&BIO_free_all)>;

const unsigned char* bytes_of(std::string_view x) { return reinterpret_cast<const unsigned char*>(x.data()); }

std::string number_of(const EVP_PKEY* pair, const char* name) {
  BIGNUM* number = nullptr;
  if (EVP_PKEY_get_bn_param(pair, name, &number) != 1) throw std::runtime_error{"an RSA key without its numbers"};
  std::string bytes(static_cast<size_t>(BN_num_bytes(number)), '\0');
  BN_bn2bin(number, reinterpret_cast<unsigned char*>(bytes.data()));
  BN_free(number);
  return base64url(bytes);
}

std::string fresh_rsa() {
  std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)> pair{EVP_RSA_gen(rsa_bits), EVP_PKEY_free};
  bio_ptr out{BIO_new(BIO_s_mem()), BIO_free_all};
  auto written = pair && out && PEM_write_bio_PrivateKey(out.get(), pair.get(), nullptr, nullptr, 0, nullptr, nullptr);
  if (!written) throw std::runtime_error{"OpenSSL makes no RSA key"};
  char* text = nullptr;
  auto size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<size_t>(size)};
}

std::shared_ptr<EVP_PKEY> read_rsa(const std::string& pem) {
  bio_ptr in{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())), BIO_free_all};
  std::shared_ptr<EVP_PKEY> pair{in ? PEM_read_bio_PrivateKey(in.get(), nullptr, nullptr, nullptr) : nullptr,
                                 EVP_PKEY_free};
  auto good = pair && EVP_PKEY_base_id(pair.get()) == EVP_PKEY_RSA && EVP_PKEY_bits(pair.get()) >= 2048;
  return good ? pair : nullptr;
}

}  // namespace

std::string fresh_signing_secret(const std::string& algorithm) {
  return algorithm == "RS256" ? fresh_rsa() : base64url(random_bytes(hmac_key_bytes));
}

std::optional<signing_key> open_signing_key(std::string kid, const std::string& algorithm, const std::string& secret) {
  signing_key key{std::move(kid), algorithm, {}, {}};
  if (algorithm == "RS256") {
    key.pair = read_rsa(secret);
    return key.pair ? std::optional{key} : std::nullopt;
  }
  auto bytes = from_base64url(secret);
  if (algorithm != "HS256" || !bytes || bytes->size() < hmac_key_bytes) return std::nullopt;
  key.secret = *bytes;
  return key;
}

std::string sign(const signing_key& key, std::string_view text) {
  if (!key.pair) return hmac_sha256(text, key.secret);
  context_ptr context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  std::string signature(static_cast<size_t>(EVP_PKEY_size(key.pair.get())), '\0');
  auto size = signature.size();
  auto to = reinterpret_cast<unsigned char*>(signature.data());
  auto done = context && EVP_DigestSignInit(context.get(), nullptr, EVP_sha256(), nullptr, key.pair.get()) == 1 &&
              EVP_DigestSign(context.get(), to, &size, bytes_of(text), text.size()) == 1;
  if (!done) throw std::runtime_error{"OpenSSL signs no token"};
  signature.resize(size);
  return signature;
}

bool verify(const signing_key& key, std::string_view text, std::string_view signature) {
  if (!key.pair) return same_bytes(signature, hmac_sha256(text, key.secret));
  context_ptr context{EVP_MD_CTX_new(), EVP_MD_CTX_free};
  return context && EVP_DigestVerifyInit(context.get(), nullptr, EVP_sha256(), nullptr, key.pair.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes_of(signature), signature.size(), bytes_of(text), text.size()) == 1;
}

json public_jwk(const signing_key& key) {
  if (!key.pair) return nullptr;
  return {{"kty", "RSA"},
          {"use", "sig"},
          {"alg", key.algorithm},
          {"kid", key.kid},
          {"n", number_of(key.pair.get(), OSSL_PKEY_PARAM_RSA_N)},
          {"e", number_of(key.pair.get(), OSSL_PKEY_PARAM_RSA_E)}};
}

}  // namespace troupe
