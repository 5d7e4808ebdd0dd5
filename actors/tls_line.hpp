// One TLS connection, from either side, as CAF's streams want it.
#pragma once

#include <openssl/ssl.h>

#include <caf/io/network/rw_state.hpp>
#include <functional>
#include <memory>

#include "config/config.hpp"

namespace troupe {

/// Mutual TLS 1.2 or later. Reads the files again after a minute, so that renewed certificates need no restart; while
/// they cannot be read the old ones are used. One thread. Throws std::runtime_error when there are none yet.
class tls_door {
public:
  explicit tls_door(const config&);
  std::shared_ptr<SSL> greet(int fd);
  /// From our side. Blocks until the other one has greeted, some seconds at most; empty: it did not, or not as it
  /// should.
  std::shared_ptr<SSL> reach(int fd);

private:
  std::shared_ptr<SSL> open(int fd);
  std::shared_ptr<SSL_CTX> load() const;

  std::string certificate_, key_, ca_;
  std::shared_ptr<SSL_CTX> context_;
  int64_t loaded_ms_ = 0;
};

/// A policy of caf::io::network::stream_impl. `greeted` is called once the other side has shown its certificate.
class tls_line {
public:
  tls_line(std::shared_ptr<SSL> ssl, std::shared_ptr<std::function<void()>> greeted)
      : ssl_(std::move(ssl)), greeted_(std::move(greeted)) {}

  caf::io::network::rw_state read_some(size_t& result, int fd, void* buffer, size_t size);
  caf::io::network::rw_state write_some(size_t& result, int fd, const void* buffer, size_t size);
  bool must_read_more(int fd, size_t threshold);

private:
  caf::io::network::rw_state state_of(int code) const;

  std::shared_ptr<SSL> ssl_;
  std::shared_ptr<std::function<void()>> greeted_;
};

}  // namespace troupe
