// As SCRAM does it (RFC 5802): proof = secret digest XOR HMAC(verifier, text), verifier = SHA-256(secret digest).
#include "config/node_proof.hpp"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "config/world.hpp"

namespace troupe {

namespace {

constexpr size_t digest_size = 32;

std::string bytes_of(std::string_view hex) {
  std::string bytes;
  for (size_t i = 0; i + 1 < hex.size(); i += 2)
    bytes += static_cast<char>(std::stoi(std::string{hex.substr(i, 2)}, nullptr, 16));
  return bytes;
}

/// `digest` masked by what only somebody who knows the verifier can compute for this text. Its own inverse.
std::string mask(std::string digest, std::string_view verifier, std::string_view text) {
  unsigned char code[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), verifier.data(), static_cast<int>(verifier.size()),
       reinterpret_cast<const unsigned char*>(text.data()), text.size(), code, &size);
  for (size_t i = 0; i < digest.size(); ++i) digest[i] = static_cast<char>(digest[i] ^ static_cast<char>(code[i]));
  return digest;
}

}  // namespace

std::string node_key_id(std::string_view secret) {
  return "nkey_" + sha256_hex("troupe node key id\n" + std::string{secret}).substr(0, 24);
}

std::string node_id_of(const std::string& user_id, const std::string& name) {
  return "node_" + sha256_hex(user_id + "\n" + name).substr(0, 26);
}

node_key_row make_node_key(std::string_view secret, const std::string& user_id, const std::string& name,
                           time_ms now_ms) {
  auto verifier = sha256_hex(bytes_of(sha256_hex(secret)));
  return {node_key_id(secret), verifier, user_id, name, now_ms, 0, 0};
}

std::string prove_node_key(std::string_view secret, std::string_view text) {
  auto digest = bytes_of(sha256_hex(secret));
  return to_hex(mask(digest, sha256_hex(digest), text));
}

bool is_proof(std::string_view verifier, std::string_view text, std::string_view proof) {
  auto is_hex = proof.size() == digest_size * 2 && proof.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!is_hex) return false;
  auto found = sha256_hex(mask(bytes_of(proof), verifier, text));
  return found.size() == verifier.size() && CRYPTO_memcmp(found.data(), verifier.data(), found.size()) == 0;
}

}  // namespace troupe
