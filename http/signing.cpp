// OpenSSL's comparison.
#include "http/signing.hpp"

#include <openssl/crypto.h>

namespace troupe {

bool same_bytes(std::string_view a, std::string_view b) {
  return a.size() == b.size() && CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace troupe
