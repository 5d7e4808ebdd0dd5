// The head of a request: where it ends, its lines, and every way of framing a body that we refuse.
#include "http/server_parser.hpp"

#include <array>
#include <cassert>
#include <charconv>

namespace troupe {
namespace {

constexpr size_t header_lines_max = 256;
constexpr size_t method_bytes_max = 32;
constexpr std::string_view version_1_1 = " HTTP/1.1";
constexpr std::string_view version_1_0 = " HTTP/1.0";
constexpr size_t request_line_bytes_max = method_bytes_max + 1 + limits::target_bytes_max + version_1_1.size() + 2;

enum : uint8_t { in_token = 1, in_value = 2, in_target = 4 };

constexpr std::array<uint8_t, 256> make_classes() {
  std::array<uint8_t, 256> is{};
  for (int c = 0; c < 256; ++c) {
    if ((c >= 0x20 && c != 0x7f) || c == '\t') is[c] |= in_value;
    if (c > 0x20 && c < 0x7f && c != '#') is[c] |= in_target;
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (letter || (c != 0 && std::string_view("!#$%&'*+-.^_`|~").find(char(c)) != std::string_view::npos)) {
      is[c] |= in_token;
    }
  }
  return is;
}
constexpr auto classes = make_classes();

bool all(std::string_view text, uint8_t what) {
  for (unsigned char c : text) {
    if (!(classes[c] & what)) return false;
  }
  return true;
}

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? char(c | 0x20) : c; }

std::string_view trim(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

refusal malformed(std::string_view message) { return {400, "VALIDATION_ERROR", message}; }
refusal header_too_large() { return {431, "HEADER_TOO_LARGE", "the header is larger than 16 KiB or 256 lines"}; }
refusal target_too_long() { return {414, "URI_TOO_LONG", "the request target is longer than 4096 bytes"}; }

/// Headers that may come once and are simply kept.
struct kept_field {
  std::string_view name;
  std::string_view request_head::*slot;
};
constexpr kept_field kept_fields[] = {
    {"authorization", &request_head::authorization},
    {"x-api-key", &request_head::api_key},
    {"idempotency-key", &request_head::idempotency_key},
    {"content-type", &request_head::content_type},
    {"x-error-dialect", &request_head::error_dialect},
    {"x-request-id", &request_head::request_id},
    {"upgrade", &request_head::upgrade},
    {"origin", &request_head::origin},
};

/// What must be seen of all lines before one can judge.
struct framing {
  int hosts = 0, lengths = 0, encodings = 0;
};

refusal read_length(std::string_view value, request_head& out) {
  auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), out.length);
  bool digits = !value.empty() && value.front() >= '0' && value.front() <= '9';
  if (!digits || error != std::errc{} || end != value.data() + value.size()) return malformed("bad Content-Length");
  return {};
}

refusal read_host(std::string_view value, request_head& out) {
  out.host = value;
  return value.find_first_of(" \t,/\\@?#") == value.npos ? refusal{} : malformed("bad Host header");
}

refusal read_expect(std::string_view value, request_head& out) {
  if (!same_word(value, "100-continue")) return {417, "EXPECTATION_FAILED", "only Expect: 100-continue is known"};
  out.expects_continue = !out.http_1_0;
  return {};
}

void read_connection(std::string_view value, request_head& out) {
  if (has_word(value, "close"))
    out.keep_alive = false;
  else if (out.http_1_0 && has_word(value, "keep-alive"))
    out.keep_alive = true;
  if (has_word(value, "upgrade")) out.upgrade_wanted = true;
}

refusal read_field(std::string_view name, std::string_view value, request_head& out, framing& seen) {
  for (const auto& kept : kept_fields) {
    if (!same_word(name, kept.name)) continue;
    if ((out.*kept.slot).data()) return malformed("a header was sent twice");
    out.*kept.slot = value;
    return {};
  }
  if (same_word(name, "host")) return ++seen.hosts > 1 ? malformed("two Host headers") : read_host(value, out);
  if (same_word(name, "content-length")) {
    return ++seen.lengths > 1 ? malformed("two Content-Length headers") : read_length(value, out);
  }
  if (same_word(name, "transfer-encoding")) {
    ++seen.encodings;
    out.chunked = same_word(value, "chunked");
    return out.chunked ? refusal{} : malformed("the only Transfer-Encoding known is chunked");
  }
  if (same_word(name, "connection")) read_connection(value, out);
  if (same_word(name, "expect")) return read_expect(value, out);
  return {};
}

refusal check_framing(const framing& seen, const request_head& head) {
  if (seen.hosts == 0 && !head.http_1_0) return malformed("the Host header is missing");
  if (seen.encodings > 1) return malformed("two Transfer-Encoding headers");
  if (seen.encodings > 0 && seen.lengths > 0) return malformed("Content-Length together with Transfer-Encoding");
  if (seen.encodings > 0 && head.http_1_0) return malformed("Transfer-Encoding in HTTP/1.0");
  return {};
}

refusal parse_request_line(std::string_view line, request_head& out) {
  assert(line.ends_with(version_1_1) || line.ends_with(version_1_0));  // head_finder looked
  out.http_1_0 = line.ends_with(version_1_0);
  out.keep_alive = !out.http_1_0;
  line.remove_suffix(version_1_1.size());
  auto space = line.find(' ');
  if (space == line.npos || space == 0) return malformed("bad request line");
  out.method = line.substr(0, space);
  auto target = line.substr(space + 1);
  if (!all(out.method, in_token) || out.method.size() > method_bytes_max) return malformed("bad method");
  if (target.size() > limits::target_bytes_max) return target_too_long();
  if (target.empty() || !all(target, in_target)) return malformed("bad request target");
  out.target = target;
  return {};
}

/// A name without blanks around it, a colon, a value without control characters.
bool well_formed_field(std::string_view line) {
  auto colon = line.find(':');
  if (colon == line.npos || colon == 0) return false;
  return all(line.substr(0, colon), in_token) && all(line.substr(colon + 1), in_value);
}

}  // namespace

bool same_word(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

bool has_word(std::string_view list, std::string_view word) {
  while (true) {
    auto comma = list.find(',');
    if (same_word(trim(list.substr(0, comma)), word)) return true;
    if (comma == list.npos) return false;
    list.remove_prefix(comma + 1);
  }
}

refusal head_finder::check_line(std::string_view line) {
  if (++lines_ > header_lines_max) return header_too_large();
  if (lines_ > 1) return {};
  // HTTP/0.9 and 2.0 must be told at once: their senders may never send an empty line.
  if (!line.ends_with(version_1_1) && !line.ends_with(version_1_0)) {
    return malformed("only HTTP/1.0 and HTTP/1.1 are spoken here");
  }
  return {};
}

size_t head_finder::find(std::string_view bytes, refusal& why) {
  if (!bytes.empty() && !(classes[static_cast<unsigned char>(bytes[0])] & in_token)) why = malformed("bad method");
  while (!why) {
    auto end = bytes.find('\n', scanned_);
    if (end == bytes.npos) break;
    if (end == line_start_ || bytes[end - 1] != '\r')
      why = malformed("a line must end with CR LF");
    else if (end - 1 == line_start_ && lines_ > 0) {
      if (end >= limits::header_bytes_max) why = header_too_large();
      return why ? 0 : end + 1;
    } else
      why = check_line(bytes.substr(line_start_, end - 1 - line_start_));
    scanned_ = line_start_ = end + 1;
  }
  if (why) return 0;
  scanned_ = bytes.size();
  if (lines_ == 0 && bytes.size() > request_line_bytes_max)
    why = target_too_long();
  else if (bytes.size() >= limits::header_bytes_max)
    why = header_too_large();
  return 0;
}

bool next_field(std::string_view head, size_t& at, std::string_view& name, std::string_view& value) {
  auto end = head.find('\r', at);
  if (end == head.npos || end == at) return false;
  auto line = head.substr(at, end - at);
  auto colon = line.find(':');
  name = line.substr(0, colon);
  value = colon == line.npos ? std::string_view{} : trim(line.substr(colon + 1));
  at = end + 2;
  return true;
}

refusal parse_head(std::string_view bytes, request_head& out) {
  auto line_end = bytes.find("\r\n");
  assert(line_end != bytes.npos && bytes.ends_with("\r\n\r\n"));
  if (auto why = parse_request_line(bytes.substr(0, line_end), out)) return why;
  framing seen;
  for (auto rest = bytes.substr(line_end + 2); rest.size() > 2;) {
    auto line = rest.substr(0, rest.find("\r\n"));
    if (line.front() == ' ' || line.front() == '\t') return malformed("folded header lines are obsolete");
    if (!well_formed_field(line)) return malformed("bad header line");
    auto colon = line.find(':');
    if (auto why = read_field(line.substr(0, colon), trim(line.substr(colon + 1)), out, seen)) return why;
    rest.remove_prefix(line.size() + 2);
  }
  return check_framing(seen, out);
}

}  // namespace troupe
