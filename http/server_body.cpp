// The body of a request, plain or in chunks, and the path it is sent to: decoded once, refused when in doubt.
#include "http/server_parser.hpp"

#include <algorithm>
#include <cassert>

namespace troupe {
namespace {

constexpr size_t chunk_line_bytes_max = 256;
constexpr size_t trailer_bytes_max = 4096;
constexpr size_t chunk_digits_max = 15;  // cannot overflow 64 bits

refusal bad_chunk() { return {400, "VALIDATION_ERROR", "bad chunked encoding"}; }
refusal body_too_large() { return {413, "PAYLOAD_TOO_LARGE", "the request body is larger than this path allows"}; }

int hex_digit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

/// How many bytes the UTF-8 sequence that starts here has; 0: none does.
size_t utf8_length(std::string_view text) {
  auto byte = [&](size_t i) { return i < text.size() ? static_cast<unsigned char>(text[i]) : 0u; };
  auto follows = [&](size_t i) { return (byte(i) & 0xc0) == 0x80; };
  unsigned first = byte(0);
  if (first < 0x80) return 1;
  if (first >= 0xc2 && first <= 0xdf) return follows(1) ? 2 : 0;
  if (first >= 0xe0 && first <= 0xef) {
    bool overlong = first == 0xe0 && byte(1) < 0xa0;
    bool surrogate = first == 0xed && byte(1) > 0x9f;
    return follows(1) && follows(2) && !overlong && !surrogate ? 3 : 0;
  }
  if (first >= 0xf0 && first <= 0xf4) {
    bool overlong = first == 0xf0 && byte(1) < 0x90;
    bool too_high = first == 0xf4 && byte(1) > 0x8f;
    return follows(1) && follows(2) && follows(3) && !overlong && !too_high ? 4 : 0;
  }
  return 0;
}

bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    auto n = utf8_length(text);
    if (n == 0) return false;
    text.remove_prefix(n);
  }
  return true;
}

/// The last segment may be empty ("/jobs/"), any other may not.
bool good_segments(std::string_view path) {
  for (size_t at = 1; at <= path.size();) {
    auto end = std::min(path.find('/', at), path.size());
    auto segment = path.substr(at, end - at);
    if (segment == "." || segment == "..") return false;
    if (segment.empty() && end < path.size()) return false;
    at = end + 1;
  }
  return true;
}

}  // namespace

void body_reader::start(const request_head& head, size_t bytes_max) {
  chunked_ = head.chunked;
  bytes_max_ = bytes_max;
  left_ = head.length;
  trailer_bytes_ = 0;
  part_ = chunked_ ? part::size : left_ > 0 ? part::data : part::done;
}

refusal body_reader::check_length() const { return !chunked_ && left_ > bytes_max_ ? body_too_large() : refusal{}; }

size_t body_reader::take(std::string_view bytes, std::string& body, refusal& why) {
  size_t used = 0;
  while (!why && !done()) {
    auto rest = bytes.substr(used);
    auto n = part_ == part::data ? take_data(rest, body) : take_line(rest, body.size(), why);
    if (n == 0) break;
    used += n;
  }
  return used;
}

size_t body_reader::take_data(std::string_view bytes, std::string& body) {
  assert(left_ > 0);
  auto n = static_cast<size_t>(std::min<uint64_t>(left_, bytes.size()));
  body.append(bytes.data(), n);
  left_ -= n;
  if (left_ == 0) part_ = chunked_ ? part::after_data : part::done;
  return n;
}

size_t body_reader::take_line(std::string_view bytes, size_t body_bytes, refusal& why) {
  auto end = bytes.find('\n');
  auto bytes_max = part_ == part::trailer ? trailer_bytes_max : chunk_line_bytes_max;
  if (std::min(end, bytes.size()) > bytes_max) return why = bad_chunk(), 0;
  if (end == bytes.npos) return 0;
  if (end == 0 || bytes[end - 1] != '\r') return why = bad_chunk(), 0;
  auto line = bytes.substr(0, end - 1);
  if (std::any_of(line.begin(), line.end(), [](char c) { return is_control(c) && c != '\t'; }))
    why = bad_chunk();
  else if (part_ == part::size)
    why = read_size(line, body_bytes);
  else if (part_ == part::after_data) {
    part_ = part::size;
    if (!line.empty()) why = bad_chunk();
  } else if (line.empty())
    part_ = part::done;
  else if ((trailer_bytes_ += line.size()) > trailer_bytes_max)
    why = bad_chunk();  // else a trailer: nobody asked
  return why ? 0 : end + 1;
}

refusal body_reader::read_size(std::string_view line, size_t body_bytes) {
  size_t digits = 0;
  uint64_t size = 0;
  for (; digits < line.size() && hex_digit(line[digits]) >= 0; ++digits) {
    if (digits == chunk_digits_max) return bad_chunk();
    size = size * 16 + static_cast<uint64_t>(hex_digit(line[digits]));
  }
  bool extension = digits < line.size() && line[digits] == ';';
  if (digits == 0 || (digits < line.size() && !extension)) return bad_chunk();
  if (size > bytes_max_ - std::min(body_bytes, bytes_max_)) return body_too_large();
  left_ = size;
  part_ = size == 0 ? part::trailer : part::data;
  return {};
}

bool decode_path(std::string_view raw, std::string& path) {
  if (raw.empty() || raw[0] != '/') return false;
  path.clear();
  path.reserve(raw.size());
  bool ascii = true;
  for (size_t i = 0; i < raw.size(); ++i) {
    char c = raw[i];
    if (c == '%') {
      if (i + 2 >= raw.size()) return false;
      int high = hex_digit(raw[i + 1]), low = hex_digit(raw[i + 2]);
      if (high < 0 || low < 0) return false;
      c = static_cast<char>(high * 16 + low);
      if (c == '/') return false;  // would make another segment of it
      i += 2;
    }
    if (is_control(c) || c == '\\') return false;
    ascii = ascii && !(c & 0x80);
    path += c;
  }
  return good_segments(path) && (ascii || is_utf8(path));
}

}  // namespace troupe
