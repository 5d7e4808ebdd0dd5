// Session tokens: rubbish is refused, and claims that we signed ourselves are read without harm, whatever they say.
#include <cstdlib>

#include "config/world.hpp"
#include "http/jwt.hpp"
#include "http/signing.hpp"

using namespace troupe;

namespace {

constexpr time_ms now = 1'800'000'000'000;
const std::string secret = "a secret of enough bytes for anyone";

const signing_key key{"hs-1", "HS256", secret, {}};
bool good(const std::string& token) {
  auto find = [](std::string_view kid) { return kid.empty() || kid == key.kid ? &key : nullptr; };
  return check_token(token, find, now).has_value();
}

}  // namespace

/// The first line is the header, the rest the claims; and all of it is a token, too.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  std::string text{reinterpret_cast<const char*>(data), size};
  if (good(text)) std::abort();  // nobody guesses the secret
  auto line = std::min(text.find('\n'), text.size());
  auto claims = text.substr(std::min(line + 1, text.size()));
  auto body = base64url(text.substr(0, line)) + '.' + base64url(claims);
  auto token = body + '.' + base64url(hmac_sha256(body, secret));
  if (!good(token)) return 0;
  // What is good must say that it is ours, and for how long.
  for (auto word : {"troupe", "access", "HS256"})
    if (text.find(word) == text.npos && text.find('\\') == text.npos) std::abort();
  token.back() = token.back() == 'A' ? 'Q' : 'A';  // four of its bits count
  if (good(token)) std::abort();
  return 0;
}
