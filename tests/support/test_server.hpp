// An http_server on any port whose handlers a test can set, and bounded waits for what happens in it.
#pragma once

#include "http/server.hpp"
#include "tests/support/raw_socket.hpp"

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

namespace troupe::testing {

/// A value that one thread gives and another waits for.
template <class T>
class mailbox {
public:
  void put(T value) {
    std::lock_guard lock(mutex_);
    values_.push_back(std::move(value));
    came_.notify_all();
  }
  /// Throws when nothing comes within five seconds.
  T take() {
    std::unique_lock lock(mutex_);
    if (!came_.wait_for(lock, std::chrono::seconds(5), [&] { return !values_.empty(); })) {
      throw std::runtime_error("nothing came");
    }
    auto value = std::move(values_.front());
    values_.erase(values_.begin());
    return value;
  }
  bool empty() const {
    std::lock_guard lock(mutex_);
    return values_.empty();
  }

private:
  mutable std::mutex mutex_;
  std::condition_variable came_;
  std::vector<T> values_;
};

/// Waits, no longer than five seconds, until another thread has made it so.
template <class Condition>
bool soon(Condition holds) {
  auto end = std::chrono::steady_clock::now() + std::chrono::seconds(5);
  while (std::chrono::steady_clock::now() < end) {
    if (holds()) return true;
    std::this_thread::yield();
  }
  return false;
}

struct test_server {
  mailbox<http_request> seen;  // by the handler that is set at first
  server_options options;
  server_handlers handlers;
  std::unique_ptr<http_server> server;

  test_server() {
    options.port = 0;
    handlers.body_bytes_max = [](const std::string&, const std::string&) { return size_t{1024 * 1024}; };
    handlers.request = [this](http_request request, respond_fn respond) {
      http_reply reply{200, "you sent " + request.method + " " + request.path + " " + request.body};
      seen.put(std::move(request));
      respond(std::move(reply));
    };
    handlers.upgrade = [](http_request, std::function<void(upgrade_answer)> answer) {
      answer({http_reply{404, "no sockets here"}, {}});
    };
    handlers.refuse = [](int status, std::string_view code, std::string_view message, const std::string& id) {
      return http_reply{status, std::string(code) + "|" + std::string(message) + "|" + id};
    };
  }

  test_server& start() {
    server = listen_http(options, handlers);
    return *this;
  }
  uint16_t port() const { return server->port(); }
};

}  // namespace troupe::testing
