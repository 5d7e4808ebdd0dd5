// A server without threads of its own: a fuzzer gives it bytes over a real socket, piece by piece, and runs it by hand.
#pragma once

#include "http/connection.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>

namespace troupe::testing {

/// A finding: the fuzzer keeps the input that led here.
inline void expect(bool holds, const char* what) {
  if (holds) return;
  std::fprintf(stderr, "broken: %s\n", what);
  std::abort();
}

class wire {
public:
  wire(server_options options, server_handlers handlers) {
    options.threads = 1;
    core_ = std::make_shared<server_core>(std::move(options), std::move(handlers));
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address_;
    auto* at = reinterpret_cast<sockaddr*>(&address_);
    expect(::bind(listener_, at, size) == 0 && ::listen(listener_, 8) == 0 && ::getsockname(listener_, at, &size) == 0,
           "the wire stands");
  }

  /// A new connection, all of these pieces, and the end; what came back.
  std::string talk(const std::vector<std::string_view>& pieces) {
    auto client = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    (void)::connect(client, reinterpret_cast<sockaddr*>(&address_), sizeof address_);
    auto theirs = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    expect(client >= 0 && theirs >= 0, "a connection stands");
    linger no_wait{1, 0};  // a reset at the close: the ports of thousands of runs would run out else
    ::setsockopt(client, SOL_SOCKET, SO_LINGER, &no_wait, sizeof no_wait);
    tcp_socket socket(core_->contexts[0]);
    socket.assign(boost::asio::ip::tcp::v4(), theirs);
    auto one = std::make_shared<connection>(core_, line{std::move(socket), nullptr}, ip_bytes{});
    core_->add(one);
    one->start();
    one.reset();
    std::string got;
    for (auto piece : pieces) {
      send(client, piece, got);
      run(client, got);
    }
    ::shutdown(client, SHUT_WR);
    run(client, got);
    ::close(client);
    run(-1, got);
    for (int i = 0; i < 2; ++i) {  // the second throws away what Beast cannot end
      core_->abort_all();
      run(-1, got);
    }
    expect(core_->session_count() == 0, "a connection that ended is forgotten");
    expect(core_->in_flight == 0, "nothing stays in flight");
    return got;
  }

private:
  void send(int client, std::string_view bytes, std::string& got) {
    while (!bytes.empty()) {
      auto n = ::send(client, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n < 0 && errno != EAGAIN) return;  // the server has hung up
      if (n > 0) bytes.remove_prefix(static_cast<size_t>(n));
      run(client, got);
    }
  }

  void run(int client, std::string& got) {
    auto& context = core_->contexts[0];
    for (bool more = true; more;) {
      context.restart();
      more = context.poll() > 0;
      char block[16 * 1024];
      for (ssize_t n; client >= 0 && (n = ::recv(client, block, sizeof block, 0)) > 0;) {
        got.append(block, static_cast<size_t>(n));
        more = true;
      }
    }
  }

  std::shared_ptr<server_core> core_;
  int listener_ = -1;
  sockaddr_in address_{};
};

inline server_handlers refusing_handlers() {
  server_handlers h;
  h.body_bytes_max = [](const std::string&, const std::string&) { return size_t{4096}; };
  h.request = [](http_request, respond_fn respond) { respond({200, "ok", "text/plain", {}}); };
  h.upgrade = [](http_request, std::function<void(upgrade_answer)> answer) {
    answer({{404, "no", "text/plain", {}}, {}});
  };
  h.refuse = [](int status, std::string_view code, std::string_view, const std::string& id) {
    return http_reply{status, std::string(code) + id, "text/plain", {}};
  };
  return h;
}

}  // namespace troupe::testing
