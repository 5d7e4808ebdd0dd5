// The outside world that every part needs: the wall clock, a monotonic clock, randomness, new ids.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <string_view>

namespace troupe {

/// Unix milliseconds. Actors take a `clock_fn` so that tests turn the clock by hand.
using clock_fn = std::function<int64_t()>;
int64_t wall_ms();
/// Milliseconds of a clock that never jumps.
int64_t steady_ms();

/// Cryptographic randomness (OpenSSL). Thread-safe.
std::string random_bytes(size_t n);
std::string random_hex(size_t bytes);

/// `prefix` + "_" + a 26-character ULID: 48 bits of ms, 80 random bits; ids of one process rise strictly. Thread-safe.
std::string new_id(std::string_view prefix);

/// The same id for the same time and words, wherever it is made.
std::string id_for(std::string_view prefix, int64_t unix_ms, std::string_view words);

std::string sha256_hex(std::string_view);
std::string to_hex(std::string_view bytes);
std::string base64url(std::string_view bytes);  // no padding

/// "2026-11-22T10:30:00.123Z".
std::string iso_time(int64_t unix_ms);

}  // namespace troupe
