// Frames of a client, through a WebSocket that echoes: messages stay in their bounds and the end is told once.
#include "http/socket.hpp"
#include "tests/fuzz/wire.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

constexpr std::string_view upgrade =
    "GET /ws HTTP/1.1\r\nHost: h\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";

struct world {
  int opened = 0, closed = 0;
  wire line{server_options{}, handlers()};

  server_handlers handlers() {
    auto h = refusing_handlers();
    h.upgrade = [this](http_request, std::function<void(upgrade_answer)> answer) {
      answer({{}, [this](std::shared_ptr<web_socket> socket) {
                ++opened;
                return socket_events{[this, socket](std::string text) {
                                       expect(closed == 0, "nothing is heard after the end");
                                       expect(text.size() <= 64 * 1024, "no message is over its bound");
                                       socket->send(std::move(text));
                                     },
                                     [] {}, [this] { ++closed; }};
              }});
    };
    return h;
  }
};

}  // namespace

/// Pieces are parted by the byte 0xf5, which is in no UTF-8.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static world w;
  w.opened = w.closed = 0;
  std::vector<std::string_view> pieces{upgrade};
  for (std::string_view rest{reinterpret_cast<const char*>(data), size}; !rest.empty();) {
    auto end = std::min(rest.find('\xf5'), rest.size());
    pieces.push_back(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  auto got = w.line.talk(pieces);
  expect(got.starts_with("HTTP/1.1 101 "), "the upgrade is answered");
  expect(w.opened == 1 && w.closed == 1, "a socket opens once and ends once");
  return 0;
}
