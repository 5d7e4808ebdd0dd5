// How text is made harmless and laid out. No I/O.
#include "client/render.hpp"

#include <algorithm>
#include <cassert>
#include <cmath>
#include <ctime>

namespace troupe::client {
namespace {

constexpr std::string_view replacement = "\xEF\xBF\xBD";
constexpr std::string_view ellipsis = "…";

struct character {
  uint32_t code = 0;
  size_t bytes = 1;
  bool valid = false;
};

/// The first character of a text that is not empty; strict: no overlong forms, no surrogates.
character first_character(std::string_view text) {
  assert(!text.empty());
  auto lead = static_cast<uint8_t>(text[0]);
  if (lead < 0x80) return {lead, 1, true};
  size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < bytes) return {};
  uint32_t code = lead & (0xFF >> (bytes + 1));
  for (size_t i = 1; i < bytes; ++i) {
    auto next = static_cast<uint8_t>(text[i]);
    if ((next & 0xC0) != 0x80) return {};
    code = code << 6 | (next & 0x3F);
  }
  constexpr uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
  if (code < least[bytes] || code > 0x10FFFF || (code >= 0xD800 && code <= 0xDFFF)) return {};
  return {code, bytes, true};
}

bool is_control(uint32_t c) { return c < 0x20 || (c >= 0x7F && c < 0xA0); }

/// Invisible characters that reorder or hide what stands around them.
bool is_deceptive(uint32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x2028 && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069) ||
         c == 0xFEFF;
}

/// The length of the escape sequence "ESC [ … letter" at the start, else 1: the escape character alone goes.
size_t escape_bytes(std::string_view text) {
  if (text.size() < 2 || text[1] != '[') return 1;
  size_t i = 2;
  while (i < text.size() && text[i] >= 0x20 && text[i] < 0x40) ++i;
  return i < text.size() && text[i] >= 0x40 && text[i] < 0x7F ? i + 1 : 2;
}

std::string clean(std::string_view text, bool keep_lines) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    auto c = first_character(text);
    size_t bytes = c.bytes;
    if (!c.valid) {
      out += replacement;
    } else if (c.code == '\x1B') {
      bytes = escape_bytes(text);
    } else if (c.code == '\r' && keep_lines) {
      if (text.substr(1, 1) != "\n") out += '\n';  // a program that redraws its line: show each state
    } else if (c.code == '\n' || c.code == '\t') {
      out += keep_lines ? text[0] : ' ';
    } else if (!is_control(c.code) && !is_deceptive(c.code)) {
      out += text.substr(0, bytes);
    }
    text.remove_prefix(bytes);
  }
  return out;
}

std::string padded(const std::string& text, size_t columns, bool right) {
  auto has = columns_of(text);
  std::string blanks(columns > has ? columns - has : 0, ' ');
  return right ? blanks + text : text + blanks;
}

/// Takes columns from the widest until all fit, never from whole ones.
void shrink(std::vector<size_t>& widths, const std::vector<column>& head, size_t columns_max) {
  constexpr size_t least = 6;
  size_t total = 2 * (widths.size() - 1);
  for (auto w : widths) total += w;
  while (total > columns_max) {
    size_t* widest = nullptr;
    for (size_t i = 0; i < widths.size(); ++i)
      if (!head[i].whole && widths[i] > least && (!widest || widths[i] > *widest)) widest = &widths[i];
    if (!widest) return;
    --*widest;
    --total;
  }
}

std::string line(const row& cells, const std::vector<column>& head, const std::vector<size_t>& widths) {
  std::string out;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i > 0) out += "  ";
    out += padded(cut(cells[i], widths[i]), widths[i], head[i].right);
  }
  out.erase(out.find_last_not_of(' ') + 1);
  return out + "\n";
}

int digits(std::string_view text, size_t at, size_t count) {
  int value = 0;
  for (auto c : text.substr(at, count)) {
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  return value;
}

std::string two_digits(int64_t n) { return (n < 10 ? "0" : "") + std::to_string(n); }

}  // namespace

std::string plain(std::string_view text) { return clean(text, false); }
std::string plain_lines(std::string_view text) { return clean(text, true); }

size_t columns_of(std::string_view text) {
  return static_cast<size_t>(std::count_if(text.begin(), text.end(), [](char c) { return (c & 0xC0) != 0x80; }));
}

std::string cut(std::string_view text, size_t columns) {
  if (columns_of(text) <= columns) return std::string(text);
  if (columns == 0) return {};
  size_t end = 0;
  for (size_t shown = 0; end < text.size(); ++end)
    if ((text[end] & 0xC0) != 0x80 && ++shown == columns) break;
  return std::string(text.substr(0, end)).append(ellipsis);
}

std::string progress_bar(double fraction, size_t columns) {
  if (columns < 3) return std::string(columns, ' ');
  auto held = std::isnan(fraction) ? 0.0 : std::clamp(fraction, 0.0, 1.0);
  auto room = columns - 2;
  auto full = static_cast<size_t>(std::floor(held * static_cast<double>(room)));
  std::string inside(full, '=');
  if (full > 0 && full < room) inside.back() = '>';
  inside.resize(room, ' ');
  return "[" + inside + "]";
}

std::string duration_text(int64_t ms) {
  if (ms < 0) ms = 0;
  if (ms < 1000) return std::to_string(ms) + " ms";
  auto seconds = ms / 1000;
  if (seconds < 60) return std::to_string(seconds) + "." + std::to_string(ms % 1000 / 100) + " s";
  if (seconds < 3600) return std::to_string(seconds / 60) + "m " + two_digits(seconds % 60) + "s";
  return std::to_string(seconds / 3600) + "h " + two_digits(seconds / 60 % 60) + "m";
}

std::string clock_text(int64_t ms) {
  auto seconds = std::max<int64_t>(ms, 0) / 1000;
  auto rest = two_digits(seconds % 60);
  if (seconds < 3600) return std::to_string(seconds / 60) + ":" + rest;
  return std::to_string(seconds / 3600) + ":" + two_digits(seconds / 60 % 60) + ":" + rest;
}

std::optional<int64_t> parse_iso_time(std::string_view text) {
  if (text.size() < 20 || text.back() != 'Z') return {};
  if (text[4] != '-' || text[7] != '-' || text[10] != 'T' || text[13] != ':' || text[16] != ':') return {};
  std::tm parts{};
  parts.tm_year = digits(text, 0, 4) - 1900;
  parts.tm_mon = digits(text, 5, 2) - 1;
  parts.tm_mday = digits(text, 8, 2);
  parts.tm_hour = digits(text, 11, 2);
  parts.tm_min = digits(text, 14, 2);
  parts.tm_sec = digits(text, 17, 2);
  if (parts.tm_year < 0 || parts.tm_mon < 0 || parts.tm_mday < 1) return {};
  if (parts.tm_hour < 0 || parts.tm_min < 0 || parts.tm_sec < 0) return {};
  int64_t ms = 0;
  auto rest = text.substr(19, text.size() - 20);
  if (!rest.empty()) {
    if (rest[0] != '.' || rest.size() < 2 || rest.size() > 10 || digits(rest, 1, rest.size()) < 0) return {};
    ms = digits((std::string(rest.substr(1)) + "00").substr(0, 3), 0, 3);
  }
  return timegm(&parts) * int64_t{1000} + ms;
}

std::string short_time(std::string_view iso) {
  if (!parse_iso_time(iso)) return std::string(iso);
  auto text = std::string(iso.substr(0, 19));
  text[10] = ' ';
  return text;
}

std::string table(const std::vector<column>& head, const std::vector<row>& rows, size_t columns_max) {
  std::vector<column> shown;
  std::vector<row> lines(rows.size());
  for (size_t i = 0; i < head.size(); ++i) {
    assert(std::all_of(rows.begin(), rows.end(), [&](const row& r) { return r.size() == head.size(); }));
    if (std::all_of(rows.begin(), rows.end(), [i](const row& r) { return r[i].empty(); })) continue;
    shown.push_back(head[i]);
    for (size_t r = 0; r < rows.size(); ++r) lines[r].push_back(rows[r][i]);
  }
  if (shown.empty()) return {};
  std::vector<size_t> widths;
  row titles;
  for (size_t i = 0; i < shown.size(); ++i) {
    titles.push_back(shown[i].title);
    widths.push_back(columns_of(shown[i].title));
    for (auto& cells : lines) widths[i] = std::max(widths[i], columns_of(cells[i]));
  }
  shrink(widths, shown, columns_max);
  auto out = line(titles, shown, widths);
  for (auto& cells : lines) out += line(cells, shown, widths);
  return out;
}

std::string facts(const std::vector<std::pair<std::string, std::string>>& list) {
  size_t widest = 0;
  for (auto& [name, value] : list)
    if (!value.empty()) widest = std::max(widest, columns_of(name));
  std::string out;
  for (auto& [name, value] : list)
    if (!value.empty()) out += padded(name, widest, false) + "  " + value + "\n";
  return out;
}

}  // namespace troupe::client
