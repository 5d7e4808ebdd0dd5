// A model server of a few lines: one loopback socket, one thread, one answer for every request.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <condition_variable>
#include <functional>
#include <mutex>
#include <string>
#include <thread>

#include "attempt_fixture.hpp"

namespace troupe::testing {

class model_server {
public:
  /// Sends `answer` as it is and closes; with an empty one it waits until the client goes away.
  explicit model_server(std::string answer) : answer_(std::move(answer)) {
    listener_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof address;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&address), length) == 0);
    REQUIRE(listen(listener_, 8) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &length) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { serve(); });
  }
  ~model_server() {
    shutdown(listener_, SHUT_RDWR);
    thread_.join();
    close(listener_);
  }

  std::string url(const std::string& path = "") const { return "http://127.0.0.1:" + std::to_string(port_) + path; }

  /// The first request, with its head.
  std::string wait_for_request() {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, patience, [&] { return !request_.empty(); }));
    return request_;
  }
  bool wait_until_left() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, patience, [&] { return left_; });
  }

private:
  void serve() {
    for (;;) {
      auto connection = accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (connection < 0) return;
      auto request = receive(connection);
      set([&] { request_ = request; });
      if (answer_.empty()) {
        char byte;
        pollfd wait{connection, POLLIN, 0};
        auto gone = poll(&wait, 1, 30'000) == 1 && recv(connection, &byte, 1, 0) <= 0;
        set([&] { left_ = gone; });
      } else {
        send_all(connection);
      }
      close(connection);
    }
  }

  static std::string receive(int connection) {
    std::string all;
    char block[4096];
    for (ssize_t got; (got = recv(connection, block, sizeof block, 0)) > 0;) {
      all.append(block, static_cast<size_t>(got));
      auto head = all.find("\r\n\r\n");
      auto length = all.find("Content-Length: ");
      if (head == std::string::npos || length == std::string::npos) continue;
      if (all.size() >= head + 4 + std::stoul(all.substr(length + 16))) return all;
    }
    return all;
  }

  void send_all(int connection) {
    std::string_view left = answer_;
    while (!left.empty()) {
      auto sent = send(connection, left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      left.remove_prefix(static_cast<size_t>(sent));
    }
  }

  void set(const std::function<void()>& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
  }

  const std::string answer_;
  int listener_ = -1;
  uint16_t port_ = 0;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::string request_;
  bool left_ = false;
  std::thread thread_;
};

inline std::string http(int status, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " X\r\nContent-Type: application/json\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\nConnection: close\r\n\r\n" + body;
}

}  // namespace troupe::testing
