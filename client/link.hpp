// One connection to the server, plain or TLS, used as if it blocked: each step ends in its time or throws.
#pragma once

#include <openssl/ssl.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/ssl/context.hpp>
#include <boost/asio/ssl/host_name_verification.hpp>
#include <boost/beast/core/tcp_stream.hpp>
#include <boost/beast/ssl/ssl_stream.hpp>
#include <chrono>
#include <string>

#include "client/http.hpp"

namespace troupe::client {

using boost::system::error_code;
using plain_stream = boost::beast::tcp_stream;
using tls_stream = boost::beast::ssl_stream<boost::beast::tcp_stream>;

/// Runs one asynchronous step to its end. REQUIRES: the stream has a deadline, so that the step does end.
template <class Start>
error_code finish(boost::asio::io_context& io, Start start) {
  bool done = false;
  error_code result;
  start([&](error_code e, auto&&...) {
    result = e;
    done = true;
  });
  // Not run(): a WebSocket keeps a timer of its own, and run() would wait for that as well.
  while (!done) {
    io.restart();
    io.run_one();
  }
  return result;
}

/// "could not reach http://…: Connection refused".
away unreachable(const server&, const error_code&);

/// Finds the name and opens the TCP connection. Throws away.
void connect(boost::asio::io_context&, plain_stream&, const server&);

/// TLS 1.2 or later, the system's certificate authorities, the name checked.
boost::asio::ssl::context tls_rules();
void shake_hands(boost::asio::io_context&, tls_stream&, const server&);

/// Connects and lends the stream to `use(io, stream)`; it is closed afterwards.
template <class Use>
auto with_stream(const server& to, Use use) {
  boost::asio::io_context io;
  if (!to.tls) {
    plain_stream stream(io);
    connect(io, stream, to);
    return use(io, stream);
  }
  auto rules = tls_rules();
  tls_stream stream(io, rules);
  connect(io, stream.next_layer(), to);
  shake_hands(io, stream, to);
  return use(io, stream);
}

}  // namespace troupe::client
