// A blocking client socket that sends any bytes it is told to, and waits for an answer no longer than five seconds.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>

namespace troupe::testing {

struct raw_reply {
  int status = 0;
  std::map<std::string, std::string> headers;  // names as sent
  std::string body;
};

class raw_socket {
public:
  explicit raw_socket(uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM, 0)) {
    timeval limit{5, 0};
    setsockopt(fd_, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    setsockopt(fd_, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (connect(fd_, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0) throw std::runtime_error("cannot connect");
  }
  ~raw_socket() { close(); }
  raw_socket(const raw_socket&) = delete;
  raw_socket& operator=(const raw_socket&) = delete;

  /// False when the other side does not take all of it.
  bool send(std::string_view bytes) {
    while (!bytes.empty()) {
      auto n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<size_t>(n));
    }
    return true;
  }

  /// Reads one reply; `head_only` when it answers a HEAD request. Throws when none comes.
  raw_reply reply(bool head_only = false) {
    auto head = take_until("\r\n\r\n");
    raw_reply got;
    got.status = std::stoi(head.substr(head.find(' ') + 1, 3));
    for (auto at = head.find("\r\n") + 2; at + 2 < head.size();) {
      auto end = head.find("\r\n", at), colon = head.find(": ", at);
      got.headers[head.substr(at, colon - at)] = head.substr(colon + 2, end - colon - 2);
      at = end + 2;
    }
    auto length = got.headers.find("Content-Length");
    if (!head_only && length != got.headers.end()) got.body = take(std::stoul(length->second));
    return got;
  }

  std::string take_until(std::string_view end) {
    while (in_.find(end) == in_.npos) receive();
    return take(in_.find(end) + end.size());
  }

  std::string take(size_t n) {
    while (in_.size() < n) receive();
    auto bytes = in_.substr(0, n);
    in_.erase(0, n);
    return bytes;
  }

  /// True when the other side closes, in order or by a reset, before it sends another byte or five seconds are over.
  bool closed() {
    char byte;
    if (!in_.empty()) return false;
    auto n = ::recv(fd_, &byte, 1, 0);
    return n == 0 || (n < 0 && errno == ECONNRESET);
  }

  void end_sending() { shutdown(fd_, SHUT_WR); }
  void close() {
    if (fd_ >= 0) ::close(fd_);
    fd_ = -1;
  }

private:
  void receive() {
    char bytes[16 * 1024];
    auto n = ::recv(fd_, bytes, sizeof bytes, 0);
    if (n <= 0) throw std::runtime_error(n == 0 ? "closed by the server" : "nothing came");
    in_.append(bytes, static_cast<size_t>(n));
  }

  int fd_;
  std::string in_;
};

}  // namespace troupe::testing
