// Opening the connection: name, TCP, TLS.
#include "client/link.hpp"

#include <boost/asio/ssl.hpp>

namespace troupe::client {

namespace asio = boost::asio;
using tcp = asio::ip::tcp;

away unreachable(const server& to, const error_code& why) {
  return away("could not reach " + to.url() + ": " + why.message(), false);
}

namespace {

tcp::resolver::results_type find(asio::io_context& io, const server& to) {
  tcp::resolver resolver(io);
  tcp::resolver::results_type found;
  error_code result = asio::error::timed_out;
  resolver.async_resolve(to.host, to.port, [&](error_code e, tcp::resolver::results_type places) {
    result = e;
    found = std::move(places);
  });
  io.restart();
  io.run_for(std::chrono::milliseconds(to.wait.connect_ms));
  if (result) throw unreachable(to, result);
  return found;
}

}  // namespace

void connect(asio::io_context& io, plain_stream& stream, const server& to) {
  auto places = find(io, to);
  stream.expires_after(std::chrono::milliseconds(to.wait.connect_ms));
  auto e = finish(io, [&](auto done) { stream.async_connect(places, done); });
  if (e) throw unreachable(to, e);
}

asio::ssl::context tls_rules() {
  asio::ssl::context rules(asio::ssl::context::tls_client);
  SSL_CTX_set_min_proto_version(rules.native_handle(), TLS1_2_VERSION);
  rules.set_default_verify_paths();
  rules.set_verify_mode(asio::ssl::verify_peer);
  return rules;
}

void shake_hands(asio::io_context& io, tls_stream& stream, const server& to) {
  SSL_set_tlsext_host_name(stream.native_handle(), to.host.c_str());
  stream.set_verify_callback(asio::ssl::host_name_verification(to.host));
  stream.next_layer().expires_after(std::chrono::milliseconds(to.wait.connect_ms));
  auto e = finish(io, [&](auto done) { stream.async_handshake(asio::ssl::stream_base::client, done); });
  if (e) throw unreachable(to, e);
}

}  // namespace troupe::client
