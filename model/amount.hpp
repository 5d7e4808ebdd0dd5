// Money: a checked count of 10^-9 of an asset. No floating point from the parser to the store.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace troupe {

using amount = int64_t;  // nano-units: 1'000'000'000 is one CREDIT, one dGPU, ...

inline constexpr amount one = 1'000'000'000;

enum class asset : uint8_t { credit = 1, dgpu, fog, eth, usdc, sol };

/// "CREDIT", "dGPU", "FOG", "ETH", "USDC", "SOL".
std::string_view to_string(asset);
/// By name, case-insensitive.
std::optional<asset> parse_asset(std::string_view);

/// Reads `(0|[1-9][0-9]*)(\.[0-9]{1,9})?`; no sign, exponent or leading zero; nothing above int64; never rounds.
std::optional<amount> parse_amount(std::string_view);
/// Shortest decimal text: "0.2625", "100", "-1.5".
std::string format_amount(amount);

/// a + b, or nothing on overflow.
std::optional<amount> checked_add(amount a, amount b);

/// a * b / c through 128 bits, one division, one rounding. REQUIRES: a, b >= 0, c > 0.
/// Nothing when the result does not fit.
std::optional<amount> mul_div_ceil(amount a, int64_t b, int64_t c);
std::optional<amount> mul_div_floor(amount a, int64_t b, int64_t c);

}  // namespace troupe
