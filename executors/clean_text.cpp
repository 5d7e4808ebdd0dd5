// UTF-8 after table 3-7 of the Unicode standard.
#include "executors/clean_text.hpp"

#include <cstdint>

namespace troupe {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";

/// Length of the well-formed character at the start of `rest`, or 0.
size_t character_bytes(std::string_view rest) {
  auto at = [&](size_t i) -> uint8_t { return i < rest.size() ? static_cast<uint8_t>(rest[i]) : 0; };
  auto tail = [&](size_t i, uint8_t low = 0x80, uint8_t high = 0xBF) { return at(i) >= low && at(i) <= high; };
  auto first = at(0);
  if (first == 0) return 0;
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return tail(1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF)
    return tail(1, first == 0xE0 ? 0xA0 : 0x80, first == 0xED ? 0x9F : 0xBF) && tail(2) ? 3 : 0;
  if (first >= 0xF0 && first <= 0xF4)
    return tail(1, first == 0xF0 ? 0x90 : 0x80, first == 0xF4 ? 0x8F : 0xBF) && tail(2) && tail(3) ? 4 : 0;
  return 0;
}

/// Could more bytes turn these last ones into a character?
bool is_half(std::string_view rest) { return rest.size() < 4 && static_cast<uint8_t>(rest[0]) >= 0xC2; }

}  // namespace

clean_text clean(std::string_view bytes, size_t bytes_max, bool more_came) {
  clean_text result;
  result.cut = more_came;
  result.text.reserve(bytes.size() < bytes_max ? bytes.size() : bytes_max);
  for (size_t at = 0; at < bytes.size();) {
    auto rest = bytes.substr(at);
    auto length = character_bytes(rest);
    if (length == 0 && more_came && is_half(rest)) break;
    auto character = length == 0 ? replacement : rest.substr(0, length);
    if (result.text.size() + character.size() > bytes_max) {
      result.cut = true;
      break;
    }
    result.text += character;
    at += length == 0 ? 1 : length;
  }
  return result;
}

}  // namespace troupe
