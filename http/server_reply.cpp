// Status line and headers of every reply, and the request ids they carry.
#include "http/server_reply.hpp"

#include "http/server_parser.hpp"

#include <boost/beast/http/status.hpp>

#include <algorithm>
#include <array>
#include <charconv>
#include <ctime>
#include <iterator>
#include <random>

namespace troupe {
namespace {

/// "Sun, 06 Nov 1994 08:49:37 GMT", made once a second and thread; not strftime, whose words depend on the locale.
std::string_view http_date() {
  static constexpr std::array days{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array months{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                     "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  thread_local std::time_t made_for = 0;
  thread_local char text[64];
  thread_local size_t size = 0;
  auto now = std::time(nullptr);
  if (now != made_for) {
    std::tm t{};
    gmtime_r(&now, &t);
    size = static_cast<size_t>(std::snprintf(text, sizeof text, "%s, %02d %s %04d %02d:%02d:%02d GMT", days[t.tm_wday],
                                             t.tm_mday, months[t.tm_mon], t.tm_year + 1900, t.tm_hour, t.tm_min,
                                             t.tm_sec));
    made_for = now;
  }
  return {text, size};
}

void append_number(std::string& out, uint64_t n) {
  char digits[20];
  out.append(digits, std::to_chars(digits, digits + sizeof digits, n).ptr);
}

/// A line break in a value would let its author write headers, or a second reply.
void append_value(std::string& out, std::string_view value) {
  auto breaks = [](char c) { return c == '\r' || c == '\n' || c == '\0'; };
  if (std::none_of(value.begin(), value.end(), breaks))
    out += value;
  else
    std::remove_copy_if(value.begin(), value.end(), std::back_inserter(out), breaks);
}

void append_field(std::string& out, std::string_view name, std::string_view value) {
  append_value(out, name);
  out += ": ";
  append_value(out, value);
  out += "\r\n";
}

/// An API has nothing to show in a page and nothing to keep in a cache. A reply that has says so itself.
struct default_field {
  std::string_view name, line;
};
constexpr default_field default_fields[] = {
    {"cache-control", "Cache-Control: no-store\r\n"},
    {"content-security-policy", "Content-Security-Policy: default-src 'none'; frame-ancestors 'none'\r\n"},
};
constexpr std::string_view fixed_lines =
    "X-Content-Type-Options: nosniff\r\nX-Frame-Options: DENY\r\nReferrer-Policy: no-referrer\r\n";
constexpr std::string_view secure_line = "Strict-Transport-Security: max-age=31536000\r\n";

void append_protection(std::string& out, const http_reply& reply, bool secure) {
  out += fixed_lines;
  for (const auto& field : default_fields) {
    auto same = [&](const auto& header) { return same_word(header.first, field.name); };
    if (std::none_of(reply.headers.begin(), reply.headers.end(), same)) out += field.line;
  }
  if (secure) out += secure_line;
}

void append_status_line(std::string& out, int status) {
  namespace http = boost::beast::http;
  out += "HTTP/1.1 ";
  append_number(out, static_cast<uint64_t>(status));
  out += ' ';
  auto reason = http::obsolete_reason(http::int_to_status(static_cast<unsigned>(status)));
  out.append(reason.data(), reason.size());
  out += "\r\n";
}

}  // namespace

void write_head(std::string& out, const http_reply& reply, const reply_frame& frame) {
  append_status_line(out, reply.status);
  out += "Server: troupe\r\nDate: ";
  out += http_date();
  out += "\r\n";
  append_protection(out, reply, frame.secure);
  append_field(out, "X-Request-ID", frame.request_id);
  bool has_body = reply.status >= 200 && reply.status != 204 && reply.status != 304;
  if (has_body) {
    if (!reply.content_type.empty()) append_field(out, "Content-Type", reply.content_type);
    out += "Content-Length: ";
    append_number(out, reply.body.size());
    out += "\r\n";
  }
  for (const auto& [name, value] : reply.headers) append_field(out, name, value);
  out += frame.lines;
  if (!frame.keep_alive)
    out += "Connection: close\r\n";
  else if (frame.http_1_0)
    out += "Connection: keep-alive\r\n";
  out += "\r\n";
}

std::string make_request_id() {
  thread_local std::mt19937_64 random{[] {
    std::random_device seed;
    return (uint64_t{seed()} << 32) | seed();
  }()};
  static constexpr char digits[] = "0123456789abcdef";
  std::string id(32, '0');
  for (size_t i = 0; i < id.size();) {
    for (auto [bits, n] = std::pair{random(), 16}; n > 0; --n, bits >>= 4) id[i++] = digits[bits & 15];
  }
  return id;
}

bool good_request_id(std::string_view id) {
  if (id.empty() || id.size() > 128) return false;
  for (char c : id) {
    bool letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
    if (!letter && c != '.' && c != '_' && c != '-') return false;
  }
  return true;
}

}  // namespace troupe
