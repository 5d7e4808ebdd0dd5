// The sockets: an HTTP/1.1 and WebSocket server on Beast. Knows bytes, limits, time-outs; no route and no actor.
#pragma once

#include "model/limits.hpp"

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe {

struct http_request {
  std::string method;  // "GET"
  std::string target;  // as sent: path and query
  std::string path;    // before '?', percent-decoded, never with "..", "//", NUL or control characters
  std::string query;   // after '?', raw
  std::string body;
  std::string request_id;  // X-Request-ID as sent (up to 128 of [A-Za-z0-9._-]), else made
  std::string remote_ip;   // the client's, also behind a trusted proxy
  bool secure = false;     // TLS here, or at a trusted proxy
  std::string authorization, api_key, idempotency_key, content_type, error_dialect;  // header values, else empty
  std::function<std::string(std::string_view name)> header;  // any other header; valid until the answer
};

struct http_reply {
  int status = 200;
  std::string body;
  std::string content_type = "application/json";
  std::vector<std::pair<std::string, std::string>> headers;
};

/// Answers one request; call it exactly once, from any thread.
using respond_fn = std::function<void(http_reply)>;

/// One open WebSocket, as its user sees it. Thread-safe.
class web_socket {
public:
  virtual ~web_socket() = default;
  /// Queues a text frame. Returns false when the queue is full or the socket is closed: send later, after `drained`.
  virtual bool send(std::string frame) = 0;
  virtual size_t queued_bytes() const = 0;
  virtual void close(uint16_t code, std::string reason) = 0;
};

/// What the user of a WebSocket wants to hear; called on the socket's strand.
struct socket_events {
  std::function<void(std::string text)> message;
  std::function<void()> drained;  // the queue became empty
  std::function<void()> closed;   // last call
};

/// The answer to an upgrade request: a refusal (an ordinary reply), or what to do once the socket is open.
struct upgrade_answer {
  http_reply refusal;  // used when `opened` is empty
  std::function<socket_events(std::shared_ptr<web_socket>)> opened;
};

/// Called on the threads of the server; they must not block. One that throws ends the process.
struct server_handlers {
  /// The body bound for this target, asked once the header is read.
  std::function<size_t(const std::string& method, const std::string& path)> body_bytes_max;
  std::function<void(http_request, respond_fn)> request;
  std::function<void(http_request, std::function<void(upgrade_answer)>)> upgrade;
  /// The body of an error that the server itself must answer (400, 403, 408, 413, 414, 417, 421, 426, 431, 503, 504).
  std::function<http_reply(int status, std::string_view code, std::string_view message, const std::string& request_id)>
      refuse;
};

class web_rules;

struct server_options {
  std::string host = "127.0.0.1";
  uint16_t port = 8080;  // 0: any
  int threads = 2;
  size_t in_flight_max = 4096;
  size_t connections_max = 16384;
  size_t connections_per_address_max = 8192;  // does not count for trusted proxies
  std::string tls_cert, tls_key;              // PEM files, read again when they change; empty: no TLS
  std::shared_ptr<const web_rules> web;       // null: any host, no CORS, no proxy
  int header_ms = limits::header_ms;          // from its first byte until the header is complete, else 408
  int body_ms = limits::body_ms;              // without progress of a body (408) or of a reply (closed)
  int idle_ms = limits::idle_ms;              // between requests, then closed silently
  int answer_ms = 150'000;                    // for the handler, else 504: completions may take long
  int socket_ping_ms = 20'000;                // a WebSocket is pinged this often
  int socket_idle_ms = limits::idle_ms;       // and closed when nothing, not even a pong, came for so long
};

/// Throws std::runtime_error when it cannot listen. Owns its threads.
class http_server {
public:
  virtual ~http_server() = default;
  virtual uint16_t port() const = 0;
  /// Stops accepting, closes WebSockets with 1001, waits for requests in flight up to `drain_ms`, then closes all.
  /// From any thread but the handlers' own.
  virtual void stop(int drain_ms) = 0;
  virtual size_t in_flight() const = 0;
};

std::unique_ptr<http_server> listen_http(server_options, server_handlers);

}  // namespace troupe
