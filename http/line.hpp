// One TCP connection, in the clear or under TLS: a stream for HTTP and WebSockets. All of it on one strand.
#pragma once

#include "http/server_core.hpp"
#include "http/tls.hpp"

#include <boost/asio/buffer.hpp>
#include <boost/asio/compose.hpp>
#include <boost/asio/post.hpp>
#include <boost/beast/core/role.hpp>
#include <boost/beast/websocket/teardown.hpp>

namespace troupe {

/// OpenSSL works on the socket itself and says what it waits for, so a plain line pays one comparison, and an idle
/// secure one has no buffers. Movable while nothing is under way.
class line {
public:
  using executor_type = troupe::executor_type;
  using error_code = boost::system::error_code;

  /// `place` is let go with the line: its place in a count.
  line(tcp_socket tcp, std::shared_ptr<const void> place) : tcp_(std::move(tcp)), place_(std::move(place)) {}

  executor_type get_executor() noexcept { return tcp_.get_executor(); }
  tcp_socket& tcp() { return tcp_; }
  bool secure() const { return tls_ != nullptr; }

  /// From now on TLS, as a server. REQUIRES: nothing was read, the socket does not block. False: no memory.
  bool secure_with(const tls_rules&);

  template <class Handler>
  void async_shake_hands(Handler&& done) {
    start<Handler, void(error_code)>(shaking{*this}, done);
  }
  template <class Buffers, class Handler>
  void async_read_some(const Buffers& into, Handler&& done) {
    if (!tls_) return tcp_.async_read_some(into, std::forward<Handler>(done));
    start<Handler, void(error_code, size_t)>(reading{*this, first_of<boost::asio::mutable_buffer>(into)}, done);
  }
  template <class Buffers, class Handler>
  void async_write_some(const Buffers& from, Handler&& done) {
    if (!tls_) return tcp_.async_write_some(from, std::forward<Handler>(done));
    start<Handler, void(error_code, size_t)>(writing{*this, joined(from)}, done);
  }
  /// What goes out at once, and no more. REQUIRES: no write is under way.
  size_t write_some(boost::asio::const_buffer, error_code&);

  /// Tells the other side that nothing more will come. What it still sends is to be read from tcp().
  error_code end_sending();
  void close();

private:
  enum class want : uint8_t { nothing, to_read, to_write };
  struct step {
    want next = want::nothing;  // nothing: it is over
    error_code error;
    size_t bytes = 0;
  };

  struct shaking {
    line& l;
    step operator()() { return l.shake_hands(); }
  };
  struct reading {
    line& l;
    boost::asio::mutable_buffer into;
    step operator()() { return l.read(into); }
  };
  struct writing {
    line& l;
    boost::asio::const_buffer from;
    step operator()() { return l.write(from); }
  };

  /// Tries, waits for what OpenSSL wants, and tries again.
  template <class Work>
  struct operation {
    Work work;
    bool first = true;
    bool over = false;
    step last = {};

    template <class Self>
    void operator()(Self& self, error_code error = {}) {
      // After an error the line may be gone: a WebSocket that was given up takes it along.
      if (!over) {
        last = error ? step{want::nothing, error, 0} : work();
        over = last.next == want::nothing;
        auto waited = !std::exchange(first, false);
        if (!over) return work.l.wait(last.next, std::move(self));
        if (!waited) {  // never from within
          auto executor = work.l.get_executor();
          return boost::asio::post(executor, std::move(self));
        }
      }
      if constexpr (std::is_same_v<Work, shaking>)
        self.complete(last.error);
      else
        self.complete(last.error, last.bytes);
    }
  };

  template <class Handler, class Signature, class Work>
  void start(Work work, Handler& done) {
    boost::asio::async_compose<Handler, Signature>(operation<Work>{std::move(work)}, done, tcp_);
  }
  template <class Waiter>
  void wait(want what, Waiter waiter) {
    tcp_.async_wait(what == want::to_read ? tcp_socket::wait_read : tcp_socket::wait_write, std::move(waiter));
  }

  template <class Buffer, class Buffers>
  static Buffer first_of(const Buffers& all) {
    for (auto at = boost::asio::buffer_sequence_begin(all); at != boost::asio::buffer_sequence_end(all); ++at)
      if (Buffer{*at}.size() > 0) return *at;
    return {};
  }
  /// One buffer as it lies; several small ones as one, so that they share a record.
  template <class Buffers>
  boost::asio::const_buffer joined(const Buffers& all) {
    using boost::asio::const_buffer;
    auto first = first_of<const_buffer>(all);
    auto left = boost::asio::buffer_size(all);
    if (first.size() == left || first.size() >= record_bytes) return first;
    joined_.clear();
    for (auto at = boost::asio::buffer_sequence_begin(all); at != boost::asio::buffer_sequence_end(all); ++at) {
      auto part = boost::asio::buffer(const_buffer{*at}, record_bytes - joined_.size());
      joined_.append(static_cast<const char*>(part.data()), part.size());
    }
    return {joined_.data(), joined_.size()};
  }

  step shake_hands();
  step read(boost::asio::mutable_buffer);
  step write(boost::asio::const_buffer);
  step judge(int result);

  static constexpr size_t record_bytes = 16 * 1024;

  tcp_socket tcp_;
  std::shared_ptr<const void> place_;
  std::unique_ptr<SSL, decltype(&SSL_free)> tls_{nullptr, SSL_free};
  std::string joined_;  // what is being written
};

// How Beast ends a WebSocket's stream.
template <class Handler>
void async_teardown(boost::beast::role_type role, line& l, Handler&& done) {
  l.end_sending();
  boost::beast::websocket::async_teardown(role, l.tcp(), std::forward<Handler>(done));
}
inline void beast_close_socket(line& l) { l.close(); }

}  // namespace troupe
