// OpenSSL's error queue belongs to the thread: it is emptied before every call, or one connection's trouble would be
// read as that of the next.
#include "actors/tls_line.hpp"

#include <openssl/err.h>
#include <sys/socket.h>

#include <stdexcept>

#include "config/log.hpp"
#include "config/world.hpp"

namespace troupe {

namespace {

using caf::io::network::rw_state;

constexpr int64_t reload_ms = 60'000;
constexpr int reach_seconds = 5;
constexpr const char* ciphers = "ECDHE+AESGCM:ECDHE+CHACHA20";  // of TLS 1.2; those of 1.3 are all good

}  // namespace

tls_door::tls_door(const config& c) : certificate_(c.cluster_cert), key_(c.cluster_key), ca_(c.cluster_ca) {
  context_ = load();
  loaded_ms_ = steady_ms();
  if (!context_) throw std::runtime_error{"the cluster's certificates cannot be read"};
}

std::shared_ptr<SSL_CTX> tls_door::load() const {
  ERR_clear_error();
  std::shared_ptr<SSL_CTX> x{SSL_CTX_new(TLS_method()), SSL_CTX_free};
  if (!x) return {};
  SSL_CTX_set_min_proto_version(x.get(), TLS1_2_VERSION);
  SSL_CTX_set_options(x.get(), SSL_OP_NO_RENEGOTIATION | SSL_OP_CIPHER_SERVER_PREFERENCE | SSL_OP_NO_TICKET);
  SSL_CTX_set_mode(x.get(), SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER);
  SSL_CTX_set_session_cache_mode(x.get(), SSL_SESS_CACHE_OFF);
  SSL_CTX_set_verify(x.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  auto good = SSL_CTX_set_cipher_list(x.get(), ciphers) == 1 &&
              SSL_CTX_use_certificate_chain_file(x.get(), certificate_.c_str()) == 1 &&
              SSL_CTX_use_PrivateKey_file(x.get(), key_.c_str(), SSL_FILETYPE_PEM) == 1 &&
              SSL_CTX_check_private_key(x.get()) == 1 &&
              SSL_CTX_load_verify_locations(x.get(), ca_.c_str(), nullptr) == 1;
  ERR_clear_error();
  return good ? x : nullptr;
}

std::shared_ptr<SSL> tls_door::open(int fd) {
  if (steady_ms() - loaded_ms_ >= reload_ms) {
    loaded_ms_ = steady_ms();
    if (auto fresh = load())
      context_ = fresh;
    else
      log::warn("the cluster's certificates cannot be read again", {{"certificate", certificate_}});
  }
  std::shared_ptr<SSL> ssl{SSL_new(context_.get()), SSL_free};
  if (!ssl || SSL_set_fd(ssl.get(), fd) != 1) return {};
  return ssl;
}

std::shared_ptr<SSL> tls_door::greet(int fd) {
  auto ssl = open(fd);
  if (ssl) SSL_set_accept_state(ssl.get());
  return ssl;
}

std::shared_ptr<SSL> tls_door::reach(int fd) {
  auto ssl = open(fd);
  timeval patience{reach_seconds, 0};
  ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  ::setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
  ERR_clear_error();
  auto good = ssl && SSL_connect(ssl.get()) == 1;
  ERR_clear_error();
  return good ? ssl : nullptr;
}

rw_state tls_line::state_of(int code) const {
  auto why = SSL_get_error(ssl_.get(), code);
  ERR_clear_error();
  return why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE ? rw_state::success : rw_state::failure;
}

rw_state tls_line::read_some(size_t& result, int, void* buffer, size_t size) {
  result = 0;
  ERR_clear_error();
  if (*greeted_) {
    auto code = SSL_accept(ssl_.get());
    if (code != 1) return state_of(code);
    std::exchange(*greeted_, {})();
  }
  if (size == 0) return rw_state::indeterminate;
  auto code = SSL_read(ssl_.get(), buffer, static_cast<int>(size));
  if (code <= 0) return state_of(code);
  result = static_cast<size_t>(code);
  return rw_state::success;
}

/// Never called before the greeting is over.
rw_state tls_line::write_some(size_t& result, int, const void* buffer, size_t size) {
  result = 0;
  if (size == 0) return rw_state::indeterminate;
  ERR_clear_error();
  auto code = SSL_write(ssl_.get(), buffer, static_cast<int>(size));
  if (code <= 0) return state_of(code);
  result = static_cast<size_t>(code);
  return rw_state::success;
}

bool tls_line::must_read_more(int, size_t threshold) {
  return static_cast<size_t>(SSL_pending(ssl_.get())) >= threshold;
}

}  // namespace troupe
