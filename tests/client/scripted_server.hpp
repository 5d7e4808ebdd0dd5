// A server on loopback that does what a test tells it: one step a connection, in order, on raw sockets.
#pragma once

#include <arpa/inet.h>
#include <doctest/doctest.h>
#include <openssl/evp.h>
#include <openssl/sha.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace troupe {

/// One accepted connection whose request has been read.
struct peer {
  int fd = -1;
  std::string head;  // request line and headers
  std::string body;

  void send(const std::string& bytes) const {
    for (size_t done = 0; done < bytes.size();) {
      auto n = ::send(fd, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
      if (n <= 0) return;  // the client left: the test sees it on the client's side
      done += static_cast<size_t>(n);
    }
  }

  std::string header(const std::string& name) const {
    auto at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    at += name.size() + 4;
    return head.substr(at, head.find("\r\n", at) - at);
  }

  /// Accepts the WebSocket upgrade (RFC 6455 §4.2.2).
  void upgrade() const {
    auto text = header("Sec-WebSocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
    unsigned char hash[SHA_DIGEST_LENGTH], encoded[64];
    SHA1(reinterpret_cast<const unsigned char*>(text.data()), text.size(), hash);
    EVP_EncodeBlock(encoded, hash, SHA_DIGEST_LENGTH);
    send("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: " +
         std::string(reinterpret_cast<char*>(encoded)) + "\r\n\r\n");
  }

  /// A text frame of less than 64 KiB, unmasked as a server sends it.
  void frame(const std::string& text) const {
    std::string bytes = "\x81";
    if (text.size() < 126) {
      bytes += static_cast<char>(text.size());
    } else {
      bytes += {'\x7E', static_cast<char>(text.size() >> 8), static_cast<char>(text.size() & 0xFF)};
    }
    send(bytes + text);
  }

  /// Waits until the client closes, at most the socket's time-out.
  void wait_for_end() const {
    char rest[4096];
    while (recv(fd, rest, sizeof rest, 0) > 0) {
    }
  }
};

using step = std::function<void(peer&)>;

inline step reply(int status, const std::string& body, const std::string& headers = "") {
  return [=](peer& p) {
    p.send("HTTP/1.1 " + std::to_string(status) + " X\r\nContent-Type: application/json\r\n" + headers +
           "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body);
  };
}

class scripted_server {
public:
  explicit scripted_server(std::vector<step> script) : script_(std::move(script)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in where{};
    where.sin_family = AF_INET;
    where.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof where;
    REQUIRE(bind(listener_, reinterpret_cast<sockaddr*>(&where), size) == 0);
    REQUIRE(listen(listener_, 8) == 0);
    REQUIRE(getsockname(listener_, reinterpret_cast<sockaddr*>(&where), &size) == 0);
    port_ = ntohs(where.sin_port);
    thread_ = std::thread([this] { play(); });
  }
  ~scripted_server() {
    shutdown(listener_, SHUT_RDWR);  // wakes accept()
    thread_.join();
    close(listener_);
  }
  scripted_server(const scripted_server&) = delete;
  scripted_server& operator=(const scripted_server&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_); }

  /// Every request so far, as it was read.
  std::vector<peer> seen() const {
    std::lock_guard lock(mutex_);
    return seen_;
  }

private:
  void play() {
    for (auto& act : script_) {
      peer p;
      p.fd = accept(listener_, nullptr, nullptr);
      if (p.fd < 0) return;
      timeval bound{10, 0};
      setsockopt(p.fd, SOL_SOCKET, SO_RCVTIMEO, &bound, sizeof bound);
      read_request(p);
      {
        std::lock_guard lock(mutex_);
        seen_.push_back(p);
      }
      act(p);
      shutdown(p.fd, SHUT_WR);
      p.wait_for_end();  // or else unread bytes would turn the close into a reset
      close(p.fd);
    }
    shutdown(listener_, SHUT_RDWR);  // the script is played: refuse further connections
  }

  static void read_request(peer& p) {
    std::string all;
    char bytes[4096];
    size_t end = std::string::npos, length = 0;
    while (end == std::string::npos || all.size() < end + length) {
      auto n = recv(p.fd, bytes, sizeof bytes, 0);
      if (n <= 0) break;
      all.append(bytes, static_cast<size_t>(n));
      if (end != std::string::npos || (end = all.find("\r\n\r\n")) == std::string::npos) continue;
      end += 4;
      p.head = all.substr(0, end);
      if (auto text = p.header("Content-Length"); !text.empty()) length = std::stoul(text);
    }
    if (end != std::string::npos) p.body = all.substr(end);
  }

  std::vector<step> script_;
  int listener_ = -1;
  uint16_t port_ = 0;
  mutable std::mutex mutex_;
  std::vector<peer> seen_;
  std::thread thread_;
};

}  // namespace troupe
