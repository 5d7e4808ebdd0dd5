// OpenSSL's HMAC-SHA1; the rest is counting.
#include "http/totp.hpp"

#include <openssl/evp.h>
#include <openssl/hmac.h>

#include <array>

#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr time_ms step_ms = 30'000;
constexpr int64_t window = 1;  // steps before and after
constexpr uint32_t codes = 1'000'000;

}  // namespace

std::string totp_code(std::string_view secret, int64_t step) {
  std::array<unsigned char, 8> counter;
  for (size_t i = 0; i < counter.size(); ++i) counter[i] = static_cast<unsigned char>(step >> (56 - 8 * i));
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest;
  unsigned int size = 0;
  HMAC(EVP_sha1(), secret.data(), static_cast<int>(secret.size()), counter.data(), counter.size(), digest.data(),
       &size);
  auto at = digest[size - 1] & 15u;
  auto number = (digest[at] & 127u) << 24 | digest[at + 1] << 16 | digest[at + 2] << 8 | digest[at + 3];
  auto text = std::to_string(number % codes);
  return std::string(6 - text.size(), '0') + text;
}

std::optional<int64_t> totp_step(std::string_view secret, std::string_view code, time_ms now_ms, int64_t last_step) {
  std::optional<int64_t> found;
  for (auto step = now_ms / step_ms + window; step >= now_ms / step_ms - window; --step)
    if (same_bytes(totp_code(secret, step), code) && step > last_step) found = step;  // the oldest that is left
  return found;
}

std::string base32(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
  std::string out;
  uint32_t pending = 0;
  int bits = 0;
  for (auto c : bytes) {
    pending = pending << 8 | static_cast<uint8_t>(c);
    for (bits += 8; bits >= 5; bits -= 5) out += alphabet[pending >> (bits - 5) & 31];
  }
  if (bits > 0) out += alphabet[pending << (5 - bits) & 31];
  return out;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string out;
  for (auto c : text) {
    auto byte = static_cast<uint8_t>(c);
    auto plain = (byte | 32u) - unsigned{'a'} < 26u || byte - unsigned{'0'} < 10u ||
                 std::string_view{"-._~"}.find(c) != text.npos;
    if (plain)
      out += c;
    else
      out += {'%', digits[byte >> 4], digits[byte & 15]};
  }
  return out;
}

std::string otpauth_uri(std::string_view issuer, std::string_view account, std::string_view secret) {
  auto name = percent_encoded(issuer);
  return "otpauth://totp/" + name + ":" + percent_encoded(account) + "?secret=" + base32(secret) + "&issuer=" + name +
         "&algorithm=SHA1&digits=6&period=30";
}

}  // namespace troupe
