// The server's address, and one HTTP/1.1 exchange on a connection of its own.
#include "client/http.hpp"

#include <algorithm>
#include <boost/asio/ssl.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http.hpp>
#include <charconv>

#include "client/link.hpp"
#include "model/limits.hpp"

namespace troupe::client {

namespace beast = boost::beast;
namespace http = beast::http;

namespace {

// Larger than any page of jobs and any job's output with each byte escaped.
constexpr uint64_t answer_bytes_max = 12 * (2 * limits::output_bytes_max);

using message = http::request<http::string_body>;

message to_message(const server& to, const request& what) {
  message m;
  m.version(11);
  m.method_string(what.method);
  m.target(to.prefix + what.target);
  m.set(http::field::host, to.host_header());
  m.set(http::field::user_agent, "troupe");
  m.set(http::field::accept, "application/json");
  m.set(http::field::connection, "close");
  if (!to.api_key.empty()) m.set(http::field::authorization, "Bearer " + to.api_key);
  if (!what.idempotency_key.empty()) m.set("Idempotency-Key", what.idempotency_key);
  if (!what.body.empty()) m.set(http::field::content_type, "application/json");
  m.body() = what.body;
  if (what.method != "GET") m.prepare_payload();
  return m;
}

[[noreturn]] void throw_failed(const server& to, const error_code& e) {
  if (e == beast::error::timeout)
    throw away(to.url() + " did not answer within " + std::to_string(to.wait.answer_ms / 1000) + " s", true);
  bool cut_off = e == http::error::end_of_stream || e == http::error::partial_message;
  bool nonsense = e.category() == make_error_code(http::error::bad_version).category() && !cut_off;
  if (nonsense) throw trouble(to.url() + " does not answer in HTTP: " + e.message());
  throw away("lost the connection to " + to.url() + " before the answer: " + e.message(), true);
}

template <class Stream>
answer exchange(boost::asio::io_context& io, Stream& stream, const server& to, const request& what) {
  auto sent = to_message(to, what);
  beast::get_lowest_layer(stream).expires_after(std::chrono::milliseconds(to.wait.answer_ms));
  // A server may refuse and close before it has read all; its answer counts, so the read's error is reported.
  auto unsent = finish(io, [&](auto done) { http::async_write(stream, sent, done); });
  if (unsent == beast::error::timeout) throw_failed(to, unsent);
  beast::flat_buffer buffer;
  http::response_parser<http::string_body> parser;
  parser.body_limit(answer_bytes_max);
  auto e = finish(io, [&](auto done) { http::async_read(stream, buffer, parser, done); });
  if (e) throw_failed(to, e);
  auto got = parser.release();
  return {static_cast<int>(got.result_int()), std::move(got.body()), std::string(got[http::field::retry_after])};
}

bool is_port(std::string_view text) {
  unsigned value = 0;
  auto [end, e] = std::from_chars(text.data(), text.data() + text.size(), value);
  return e == std::errc() && end == text.data() + text.size() && value > 0 && value <= 65535;
}

/// "host:port", "[::1]:port" or either without a port.
void split_authority(std::string_view text, server& to) {
  auto bracket = text.starts_with('[') ? text.find(']') : 0;
  if (bracket == std::string_view::npos) return;
  auto colon = text.find(':', bracket);
  to.host = text.starts_with('[') ? text.substr(1, bracket - 1) : text.substr(0, colon);
  to.port = colon == std::string_view::npos ? (to.tls ? "443" : "80") : text.substr(colon + 1);
}

}  // namespace

std::string server::host_header() const {
  auto name = host.find(':') == std::string::npos ? host : "[" + host + "]";
  return port == (tls ? "443" : "80") ? name : name + ":" + port;
}

std::string server::url() const { return (tls ? "https://" : "http://") + host_header() + prefix; }

bool is_token(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

server parse_server(std::string_view url, const std::string& api_key) {
  auto wrong = bad_usage("the server's URL must look like http://HOST:PORT: \"" + std::string(url) + "\"");
  server to;
  to.tls = url.starts_with("https://");
  if (!to.tls && !url.starts_with("http://")) throw wrong;
  if (!is_token(url) || url.find_first_of("?#@\"\\") != std::string_view::npos) throw wrong;
  auto rest = url.substr(to.tls ? 8 : 7);
  auto slash = std::min(rest.find('/'), rest.size());
  split_authority(rest.substr(0, slash), to);
  if (to.host.empty() || !is_port(to.port)) throw wrong;
  to.prefix = rest.substr(slash);
  while (to.prefix.ends_with('/')) to.prefix.pop_back();
  if (!is_token(api_key)) throw bad_usage("the API key has blanks or characters that no key has");
  to.api_key = api_key;
  return to;
}

answer ask(const server& to, const request& what) {
  return with_stream(to, [&](auto& io, auto& stream) { return exchange(io, stream, to, what); });
}

std::string percent_encode(std::string_view text) {
  constexpr std::string_view hex = "0123456789ABCDEF";
  std::string out;
  for (auto c : text) {
    auto byte = static_cast<uint8_t>(c);
    bool safe = (byte >= '0' && byte <= '9') || (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') ||
                byte == '-' || byte == '_' || byte == '.' || byte == '~';
    if (safe)
      out += c;
    else
      (out += '%') += {hex[byte >> 4], hex[byte & 15]};
  }
  return out;
}

}  // namespace troupe::client
