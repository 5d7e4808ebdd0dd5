// Clocks, randomness, ids and digests on OpenSSL and the C++ clocks.
#include "config/world.hpp"

#include <openssl/evp.h>
#include <openssl/rand.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <limits>
#include <mutex>
#include <stdexcept>

namespace troupe {

namespace {

using uint128 = unsigned __int128;

/// 48 bits of milliseconds over 80 random bits.
uint128 fresh_ulid(int64_t now) {
  uint128 id = static_cast<uint128>(now & ((int64_t{1} << 48) - 1));
  for (auto c : random_bytes(10)) id = id << 8 | static_cast<uint8_t>(c);
  return id;
}

/// Within one millisecond, and when the clock goes back, the next id is the last one plus one: strictly rising.
uint128 next_ulid() {
  static std::mutex door;
  static uint128 last = 0;
  auto now = wall_ms();
  std::lock_guard lock{door};
  last = static_cast<int64_t>(last >> 80) < now ? fresh_ulid(now) : last + 1;
  return last;
}

std::string spelled(std::string_view prefix, uint128 id) {
  constexpr std::string_view alphabet = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";  // Crockford: no I, L, O, U
  constexpr size_t length = 26;
  std::string out{prefix};
  out += '_';
  auto start = out.size();
  out.resize(start + length);
  for (auto i = length; i-- > 0; id >>= 5) out[start + i] = alphabet[static_cast<size_t>(id & 31)];
  return out;
}

}  // namespace

int64_t wall_ms() {
  auto since = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

int64_t steady_ms() {
  auto since = std::chrono::steady_clock::now().time_since_epoch();
  return std::chrono::duration_cast<std::chrono::milliseconds>(since).count();
}

std::string random_bytes(size_t n) {
  constexpr size_t step_max = std::numeric_limits<int>::max();  // OpenSSL counts in int
  std::string out(n, '\0');
  for (size_t at = 0; at < n;) {
    auto step = std::min(n - at, step_max);
    if (RAND_bytes(reinterpret_cast<unsigned char*>(out.data() + at), static_cast<int>(step)) != 1)
      throw std::runtime_error{"the system gives no randomness"};
    at += step;
  }
  return out;
}

std::string random_hex(size_t bytes) { return to_hex(random_bytes(bytes)); }

std::string new_id(std::string_view prefix) { return spelled(prefix, next_ulid()); }

std::string id_for(std::string_view prefix, int64_t unix_ms, std::string_view words) {
  auto hash = sha256_hex(std::to_string(unix_ms) + ' ' + std::string{words});
  auto id = static_cast<uint128>(unix_ms) << 80;
  for (size_t i = 0; i < 20; ++i)
    id |= static_cast<uint128>(hash[i] <= '9' ? hash[i] - '0' : hash[i] - 'a' + 10) << (76 - 4 * i);
  return spelled(prefix, id);
}

std::string sha256_hex(std::string_view text) {
  // Fetched once and kept: OpenSSL 3 otherwise looks the algorithm up at every call.
  static EVP_MD* const algorithm = EVP_MD_fetch(nullptr, "SHA256", nullptr);
  std::array<unsigned char, 32> digest;
  if (!algorithm || EVP_Digest(text.data(), text.size(), digest.data(), nullptr, algorithm, nullptr) != 1)
    throw std::runtime_error{"OpenSSL has no SHA-256"};
  return to_hex({reinterpret_cast<const char*>(digest.data()), digest.size()});
}

std::string to_hex(std::string_view bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (auto c : bytes) {
    auto byte = static_cast<uint8_t>(c);
    out += digits[byte >> 4];
    out += digits[byte & 15];
  }
  return out;
}

std::string base64url(std::string_view bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
  std::string out;
  out.reserve(bytes.size() * 4 / 3 + 2);
  uint32_t pending = 0;  // only its low `bits` count
  int bits = 0;
  for (auto c : bytes) {
    pending = pending << 8 | static_cast<uint8_t>(c);
    for (bits += 8; bits >= 6; bits -= 6) out += alphabet[pending >> (bits - 6) & 63];
  }
  if (bits > 0) out += alphabet[pending << (6 - bits) & 63];
  return out;
}

std::string iso_time(int64_t unix_ms) {
  using namespace std::chrono;
  sys_time<milliseconds> when{milliseconds{unix_ms}};
  auto midnight = floor<days>(when);
  year_month_day date{midnight};
  hh_mm_ss<milliseconds> clock{when - midnight};
  std::string out = "0000-00-00T00:00:00.000Z";
  auto put = [&](size_t end, int64_t number, size_t digits) {
    for (; digits > 0; --digits, number /= 10) out[--end] = static_cast<char>('0' + number % 10);
  };
  put(4, static_cast<int>(date.year()), 4);
  put(7, static_cast<unsigned>(date.month()), 2);
  put(10, static_cast<unsigned>(date.day()), 2);
  put(13, clock.hours().count(), 2);
  put(16, clock.minutes().count(), 2);
  put(19, clock.seconds().count(), 2);
  put(23, clock.subseconds().count(), 3);
  return out;
}

}  // namespace troupe
