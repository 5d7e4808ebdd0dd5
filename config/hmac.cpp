// OpenSSL's HMAC.
#include "config/hmac.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace troupe {

std::string hmac_sha256(std::string_view text, const std::string& key) {
  unsigned char digest[EVP_MAX_MD_SIZE];
  unsigned int size = 0;
  HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()), reinterpret_cast<const unsigned char*>(text.data()),
       text.size(), digest, &size);
  return {reinterpret_cast<char*>(digest), size};
}

}  // namespace troupe
