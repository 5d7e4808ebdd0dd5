// One request to a Troupe server in a bounded time: where to, what, and the answer or one clear line of why not.
#pragma once

#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe::client {

/// The server refused or answered nonsense: exit code 1.
struct trouble : std::runtime_error {
  using runtime_error::runtime_error;
};
/// No connection, or it was lost before the answer: exit code 1, and trying again may help.
struct away : trouble {
  away(const std::string& why, bool was_sent) : trouble(why), sent(was_sent) {}
  bool sent;  // the request may have reached the server
};
/// The caller's mistake: exit code 2.
struct bad_usage : std::runtime_error {
  using runtime_error::runtime_error;
};

struct patience {
  int connect_ms = 5'000;
  int answer_ms = 30'000;  // from the first byte sent to the last byte received
};

struct server {
  bool tls = false;
  std::string host;
  std::string port;
  std::string prefix;   // path before every target, "" or "/base"
  std::string api_key;  // empty: none is sent
  patience wait;

  std::string host_header() const;
  std::string url() const;
};

/// Takes "http://host[:port][/base]" or https; the key may be empty. Throws bad_usage.
server parse_server(std::string_view url, const std::string& api_key);

struct request {
  std::string method = "GET";
  std::string target;  // "/api/v1/jobs?limit=5"
  std::string body = {};
  std::string idempotency_key = {};
};

struct answer {
  int status = 0;
  std::string body;
  std::string retry_after;  // seconds, as the server wrote them
};

/// Throws trouble or away. An answer of any status is an answer.
answer ask(const server&, const request&);

/// For a value inside a path or a query.
std::string percent_encode(std::string_view);

/// True for text that may stand in a header: printable ASCII without blanks.
bool is_token(std::string_view);

}  // namespace troupe::client
