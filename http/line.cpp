// The calls to OpenSSL, each with its verdict: done, broken, or to be tried again.
#include "http/line.hpp"

#include <openssl/err.h>

#include <cerrno>
#include <climits>

namespace troupe {

namespace {

int bounded(size_t bytes) { return bytes > INT_MAX ? INT_MAX : static_cast<int>(bytes); }

}  // namespace

bool line::secure_with(const tls_rules& rules) {
  tls_.reset(SSL_new(rules.get()));
  if (!tls_ || SSL_set_fd(tls_.get(), tcp_.native_handle()) != 1) return false;
  SSL_set_accept_state(tls_.get());
  return true;
}

/// REQUIRES: errno and OpenSSL's list of errors are those of the call that gave `result`.
line::step line::judge(int result) {
  namespace errors = boost::asio::error;
  if (result > 0) return {want::nothing, {}, static_cast<size_t>(result)};
  auto number = errno;
  switch (SSL_get_error(tls_.get(), result)) {
    case SSL_ERROR_WANT_READ: return {want::to_read, {}, 0};
    case SSL_ERROR_WANT_WRITE: return {want::to_write, {}, 0};
    case SSL_ERROR_ZERO_RETURN: return {want::nothing, errors::eof, 0};
    case SSL_ERROR_SYSCALL:
      if (number != 0) return {want::nothing, {number, boost::system::system_category()}, 0};
      return {want::nothing, errors::eof, 0};
    default: break;
  }
  ERR_clear_error();  // else the next connection of this thread would be told
  return {want::nothing, errors::connection_aborted, 0};
}

// A closed socket's number may be somebody else's by now: OpenSSL must not touch it.

line::step line::shake_hands() {
  if (!tcp_.is_open()) return {want::nothing, boost::asio::error::bad_descriptor, 0};
  ERR_clear_error();
  errno = 0;
  return judge(SSL_do_handshake(tls_.get()));
}

line::step line::read(boost::asio::mutable_buffer into) {
  if (!tcp_.is_open()) return {want::nothing, boost::asio::error::bad_descriptor, 0};
  if (into.size() == 0) return {};
  ERR_clear_error();
  errno = 0;
  return judge(SSL_read(tls_.get(), into.data(), bounded(into.size())));
}

line::step line::write(boost::asio::const_buffer from) {
  if (!tcp_.is_open()) return {want::nothing, boost::asio::error::bad_descriptor, 0};
  if (from.size() == 0) return {};
  ERR_clear_error();
  errno = 0;
  return judge(SSL_write(tls_.get(), from.data(), bounded(from.size())));
}

size_t line::write_some(boost::asio::const_buffer from, error_code& error) {
  if (!tls_) return tcp_.write_some(from, error);
  auto did = write(from);
  error = did.next == want::nothing ? did.error : boost::asio::error::would_block;
  return did.bytes;
}

line::error_code line::end_sending() {
  error_code error;
  if (tls_ && tcp_.is_open() && SSL_is_init_finished(tls_.get())) {
    ERR_clear_error();
    SSL_shutdown(tls_.get());  // one small record; when there is no room for it, the end of the stream must do
    ERR_clear_error();
  }
  tcp_.shutdown(tcp_socket::shutdown_send, error);
  return error;
}

void line::close() {
  error_code ignored;  // nothing can be done about a failing close
  tcp_.close(ignored);
}

}  // namespace troupe
