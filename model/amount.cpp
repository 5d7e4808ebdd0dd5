// Decimal text to nano-units and back, and the two checked products.
#include "model/amount.hpp"

#include <array>
#include <cassert>
#include <limits>

namespace troupe {

namespace {

constexpr std::array<std::string_view, 6> asset_names{"CREDIT", "dGPU", "FOG", "ETH", "USDC", "SOL"};

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + 32) : c; }

bool same_text(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i)
    if (lower(a[i]) != lower(b[i])) return false;
  return true;
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::optional<amount> mul_div(amount a, int64_t b, int64_t c, bool up) {
  assert(a >= 0 && b >= 0 && c > 0);
  auto product = static_cast<__int128>(a) * b + (up ? c - 1 : 0);
  auto result = product / c;
  if (result > std::numeric_limits<amount>::max()) return std::nullopt;
  return static_cast<amount>(result);
}

}  // namespace

std::string_view to_string(asset x) { return asset_names[static_cast<size_t>(x) - 1]; }

std::optional<asset> parse_asset(std::string_view text) {
  for (size_t i = 0; i < asset_names.size(); ++i)
    if (same_text(asset_names[i], text)) return static_cast<asset>(i + 1);
  return std::nullopt;
}

std::optional<amount> parse_amount(std::string_view text) {
  auto dot = text.find('.');
  auto whole = text.substr(0, dot);
  auto part = dot == std::string_view::npos ? std::string_view{} : text.substr(dot + 1);
  if (whole.empty() || whole.size() > 10 || (whole.size() > 1 && whole[0] == '0')) return std::nullopt;
  if (dot != std::string_view::npos && (part.empty() || part.size() > 9)) return std::nullopt;
  amount result = 0;
  for (auto c : whole) {
    if (!is_digit(c)) return std::nullopt;
    result = result * 10 + (c - '0');
  }
  amount nanos = 0;
  for (size_t i = 0; i < 9; ++i) {
    auto c = i < part.size() ? part[i] : '0';
    if (!is_digit(c)) return std::nullopt;
    nanos = nanos * 10 + (c - '0');
  }
  if (__builtin_mul_overflow(result, one, &result) || __builtin_add_overflow(result, nanos, &result))
    return std::nullopt;
  return result;
}

std::string format_amount(amount x) {
  auto negative = x < 0;
  auto magnitude = negative ? 0 - static_cast<uint64_t>(x) : static_cast<uint64_t>(x);
  auto text = std::to_string(magnitude / one);
  if (auto nanos = magnitude % one; nanos != 0) {
    auto digits = std::to_string(nanos);
    digits.insert(0, 9 - digits.size(), '0');
    digits.erase(digits.find_last_not_of('0') + 1);
    text += '.' + digits;
  }
  return negative ? '-' + text : text;
}

std::optional<amount> checked_add(amount a, amount b) {
  amount sum = 0;
  if (__builtin_add_overflow(a, b, &sum)) return std::nullopt;
  return sum;
}

std::optional<amount> mul_div_ceil(amount a, int64_t b, int64_t c) { return mul_div(a, b, c, true); }
std::optional<amount> mul_div_floor(amount a, int64_t b, int64_t c) { return mul_div(a, b, c, false); }

}  // namespace troupe
