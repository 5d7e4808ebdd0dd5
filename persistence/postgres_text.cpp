// Hex both ways, the UTF-8 check and the escapes of arrays.
#include "persistence/postgres_text.hpp"

#include <stdexcept>

namespace troupe::sql {

namespace {

constexpr std::string_view mark = "\x1ahex:";
constexpr std::string_view digits = "0123456789abcdef";

std::string hex(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (auto c : bytes) {
    text += digits[static_cast<unsigned char>(c) >> 4];
    text += digits[static_cast<unsigned char>(c) & 15];
  }
  return text;
}

std::string unhex(std::string_view text) {
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (size_t i = 0; i + 1 < text.size(); i += 2) {
    auto high = digits.find(text[i]);
    auto low = digits.find(text[i + 1]);
    if (high == digits.npos || low == digits.npos) throw std::logic_error{"the database has broken hex"};
    bytes += static_cast<char>(high << 4 | low);
  }
  return bytes;
}

/// The length of the character at the front, 0 when it is none (RFC 3629).
size_t character(std::string_view x) {
  auto byte = [&](size_t i) { return static_cast<unsigned char>(x[i]); };
  auto lead = byte(0);
  size_t size = lead < 0x80 ? 1 : lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
  if (size == 0 || size > x.size()) return 0;
  for (size_t i = 1; i < size; ++i)
    if ((byte(i) & 0xc0) != 0x80) return 0;
  if (size < 3) return size;
  auto second = byte(1);
  auto overlong = (lead == 0xe0 && second < 0xa0) || (lead == 0xf0 && second < 0x90);
  auto beyond = (lead == 0xed && second > 0x9f) || (lead == 0xf4 && second > 0x8f);
  return overlong || beyond ? 0 : size;
}

}  // namespace

bool is_utf8(std::string_view x) {
  while (!x.empty()) {
    auto size = character(x);
    if (size == 0) return false;
    x.remove_prefix(size);
  }
  return true;
}

stored_text postgres_text(std::string_view x) {
  auto plain = x.find('\0') == x.npos && !x.starts_with(mark) && is_utf8(x);
  if (plain) return {x, {}};
  return {{}, std::string{mark} + hex(x)};
}

bool was_kept(std::string_view stored, std::string& to) {
  if (!stored.starts_with(mark)) return false;
  to = unhex(stored.substr(mark.size()));
  return true;
}

std::string postgres_bytes(std::string_view bytes) { return "\\x" + hex(bytes); }

std::string bytes_of(std::string_view text) {
  if (!text.starts_with("\\x")) throw std::logic_error{"the database's bytea_output is not hex"};
  return unhex(text.substr(2));
}

void append_array_item(std::string& to, std::string_view x) {
  to += '"';
  for (auto c : x) {
    if (c == '"' || c == '\\') to += '\\';
    to += c;
  }
  to += '"';
}

}  // namespace troupe::sql
