// argon2id by its reference library.
#include "actors/password.hpp"

#include <argon2.h>

#include <stdexcept>

#include "config/world.hpp"

namespace troupe {

namespace {
constexpr uint32_t passes = 2, memory_kib = 19'456, lanes = 1;
constexpr size_t hash_bytes = 32, salt_bytes = 16;
}  // namespace

std::string hash_password(const std::string& password) {
  auto salt = random_bytes(salt_bytes);
  std::string encoded(argon2_encodedlen(passes, memory_kib, lanes, salt_bytes, hash_bytes, Argon2_id), '\0');
  auto code = argon2id_hash_encoded(passes, memory_kib, lanes, password.data(), password.size(), salt.data(),
                                    salt.size(), hash_bytes, encoded.data(), encoded.size());
  if (code != ARGON2_OK) throw std::runtime_error{argon2_error_message(code)};
  encoded.resize(encoded.find('\0'));
  return encoded;
}

bool check_password(const std::string& encoded, const std::string& password) {
  return argon2id_verify(encoded.c_str(), password.data(), password.size()) == ARGON2_OK;
}

std::string hash_code(const std::string& code, const std::string& user_id) {
  auto salt = sha256_hex("codes of " + user_id);
  std::string hash(hash_bytes, '\0');
  auto done = argon2id_hash_raw(1, memory_kib, lanes, code.data(), code.size(), salt.data(), salt.size(), hash.data(),
                                hash.size());
  if (done != ARGON2_OK) throw std::runtime_error{argon2_error_message(done)};
  return to_hex(hash);
}

}  // namespace troupe
