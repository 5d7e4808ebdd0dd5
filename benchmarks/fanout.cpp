// Many WebSockets of one user at once, counted and not looked into:
//   fanout PORT API_KEY SOCKETS FRAMES_EACH
// Prints "ready" when all are open and "done FRAMES" when each has got its frames; exit 1 when one ends early.
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

namespace {

constexpr int patience_ms = 60'000;
constexpr int opening_max = 100;  // handshakes at a time

struct link {
  int fd = -1;
  bool open = false;
  std::string rest;  // what is not a whole frame yet
  int64_t frames = 0;
};

[[noreturn]] void fail(const char* why) {
  std::fprintf(stderr, "fanout: %s\n", why);
  std::exit(1);
}

int connect_to(uint16_t port) {
  auto fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in at{};
  at.sin_family = AF_INET;
  at.sin_port = htons(port);
  at.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (fd < 0 || ::connect(fd, reinterpret_cast<sockaddr*>(&at), sizeof at) != 0) fail("cannot connect");
  return fd;
}

void ask_upgrade(const link& l, const std::string& key) {
  auto text =
      "GET /v1/stream HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nAuthorization: Bearer " +
      key + "\r\n\r\n";
  if (::send(l.fd, text.data(), text.size(), MSG_NOSIGNAL) != static_cast<ssize_t>(text.size())) fail("cannot ask");
}

/// The size of the first frame with its head, or 0 when that cannot be told yet.
size_t frame_size(const char* at, size_t size) {
  if (size < 2) return 0;
  auto byte = [&](size_t i) { return static_cast<uint8_t>(at[i]); };
  size_t length = byte(1) & 127U, head = length == 126 ? 4 : length == 127 ? 10 : 2;
  if (size < head) return 0;
  if (head > 2) length = 0;
  for (size_t i = 2; i < head; ++i) length = length << 8U | byte(i);
  return head + length;
}

void count_frames(link& l) {
  size_t at = 0;
  for (;;) {
    auto size = frame_size(l.rest.data() + at, l.rest.size() - at);
    if (size == 0 || l.rest.size() - at < size) break;
    auto kind = static_cast<uint8_t>(l.rest[at]) & 15U;
    if (kind == 8) fail("a stream was closed by the server");
    if (kind == 1) ++l.frames;
    at += size;
  }
  l.rest.erase(0, at);
}

/// True when the handshake was finished by what came.
bool read_some(link& l) {
  char buffer[65536];
  auto size = ::recv(l.fd, buffer, sizeof buffer, 0);
  if (size <= 0) fail("a stream ended");
  l.rest.append(buffer, static_cast<size_t>(size));
  auto opened = false;
  if (!l.open) {
    auto end = l.rest.find("\r\n\r\n");
    if (end == std::string::npos) return false;
    if (!l.rest.starts_with("HTTP/1.1 101 ")) fail(l.rest.c_str());
    l.rest.erase(0, end + 4);
    opened = l.open = true;
  }
  count_frames(l);
  return opened;
}

class crowd {
public:
  crowd(uint16_t port, std::string key, size_t sockets) : port_(port), key_(std::move(key)), links_(sockets) {}

  void open_all() {
    size_t asked = 0, opened = 0;
    while (opened < links_.size()) {
      for (; asked < links_.size() && asked - opened < opening_max; ++asked) begin(links_[asked]);
      wait([&](link& l) { opened += read_some(l) ? 1 : 0; });
    }
  }

  int64_t receive(int64_t frames_each) {
    size_t missing = 0;
    for (auto& l : links_) missing += l.frames < frames_each ? 1 : 0;
    while (missing > 0)
      wait([&](link& l) {
        auto had = l.frames;
        read_some(l);
        if (had < frames_each && l.frames >= frames_each) --missing;
      });
    int64_t sum = 0;
    for (auto& l : links_) sum += l.frames;
    return sum;
  }

private:
  void begin(link& l) {
    l.fd = connect_to(port_);
    epoll_event e{};
    e.events = EPOLLIN;
    e.data.ptr = &l;
    if (::epoll_ctl(poll_, EPOLL_CTL_ADD, l.fd, &e) != 0) fail("cannot watch a socket");
    ask_upgrade(l, key_);
  }

  template <class Handle>
  void wait(Handle handle) {
    epoll_event ready[512];
    auto count = ::epoll_wait(poll_, ready, 512, patience_ms);
    if (count <= 0) fail("nothing came for a minute");
    for (int i = 0; i < count; ++i) handle(*static_cast<link*>(ready[i].data.ptr));
  }

  uint16_t port_;
  std::string key_;
  std::vector<link> links_;
  int poll_ = ::epoll_create1(EPOLL_CLOEXEC);
};

}  // namespace

int main(int count, char** words) {
  if (count != 5) fail("wants PORT API_KEY SOCKETS FRAMES_EACH");
  rlimit files{};
  getrlimit(RLIMIT_NOFILE, &files);
  files.rlim_cur = files.rlim_max;
  setrlimit(RLIMIT_NOFILE, &files);
  crowd all{static_cast<uint16_t>(std::atoi(words[1])), words[2], static_cast<size_t>(std::atoi(words[3]))};
  all.open_all();
  std::printf("ready\n");
  std::fflush(stdout);
  std::printf("done %lld\n", static_cast<long long>(all.receive(std::atoll(words[4]))));
}
