// Crockford base 32 (26 characters) and hex (32 digits) of the same number.
#include "http/wallet_id.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr std::string_view crockford = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";
constexpr std::string_view hex = "0123456789abcdef";

std::optional<unsigned __int128> read_digits(std::string_view text, std::string_view alphabet, int bits) {
  unsigned __int128 number = 0;
  for (auto c : text) {
    auto digit = alphabet.find(c);
    if (digit == std::string_view::npos) return std::nullopt;
    number = number << bits | digit;
  }
  return number;
}

std::string write_digits(unsigned __int128 number, std::string_view alphabet, int bits, size_t count) {
  std::string text(count, '0');
  for (auto i = text.rbegin(); i != text.rend(); ++i) {
    *i = alphabet[static_cast<size_t>(number & ((1u << bits) - 1))];
    number >>= bits;
  }
  return text;
}

}  // namespace

std::string wallet_id_of(std::string_view user_id) {
  auto number = read_digits(user_id.substr(user_id.find('_') + 1), crockford, 5).value_or(0);
  auto text = write_digits(number, hex, 4, 32);
  for (size_t at : {20, 16, 12, 8}) text.insert(at, 1, '-');
  return text;
}

std::optional<std::string> owner_of_wallet(std::string_view wallet_id) {
  if (wallet_id.size() != 36) return std::nullopt;
  std::string text{wallet_id};
  for (size_t at : {23, 18, 13, 8}) {
    if (text[at] != '-') return std::nullopt;
    text.erase(at, 1);
  }
  auto number = read_digits(text, hex, 4);
  if (!number) return std::nullopt;
  return "user_" + write_digits(*number, crockford, 5, 26);
}

}  // namespace troupe
