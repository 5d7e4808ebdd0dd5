// Bytes of a client, through the whole connection: what reaches a handler is sane, and does not depend on how they
// came.
#include "http/web_rules.hpp"
#include "tests/fuzz/wire.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

using seen_requests = std::vector<std::string>;

void check(const http_request& r) {
  auto in_order = [](const std::string& text) {
    for (unsigned char c : text)
      if (c < 0x20 || c == 0x7f) return false;
    return true;
  };
  expect(r.path == "*" || r.path.starts_with('/'), "a path begins with a slash");
  expect(in_order(r.path) && in_order(r.method) && in_order(r.target), "no control characters reach a handler");
  expect(r.path.find("/../") == r.path.npos && !r.path.ends_with("/.."), "no path climbs");
  expect(r.path.find("//") == r.path.npos, "no path has empty parts");
  expect(r.body.size() <= 4096, "no body is over its bound");
  expect(!r.request_id.empty() && r.request_id.size() <= 128, "a request has an id");
}

config settings() {
  config c;
  c.cors_origins = {"https://a.example"};
  c.trusted_hosts = {"h", "*.example"};
  c.trusted_proxies = {"::/0"};
  return c;
}

struct world {
  seen_requests seen;
  wire line;

  world() : line(options(), handlers()) {}
  static server_options options() {
    server_options o;
    o.web = std::make_shared<web_rules>(settings());
    return o;
  }
  server_handlers handlers() {
    auto h = refusing_handlers();
    h.request = [this](http_request r, respond_fn respond) {
      check(r);
      seen.push_back(r.method + ' ' + r.target + ' ' + r.remote_ip + ' ' + r.header("x") + '\n' + r.body);
      respond({200, r.body, "text/plain", {{"X-Path", r.path}}});
    };
    return h;
  }
  seen_requests after(const std::vector<std::string_view>& pieces) {
    seen.clear();
    auto got = line.talk(pieces);
    expect(got.empty() || got.starts_with("HTTP/1.1 "), "an answer is HTTP");
    return std::exchange(seen, {});
  }
};

bool says_upgrade(std::string_view text) {
  for (size_t i = 0; i + 7 <= text.size(); ++i)
    if (same_word(text.substr(i, 7), "upgrade")) return true;
  return false;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static world w;
  std::string_view bytes{reinterpret_cast<const char*>(data), size};
  auto whole = w.after({bytes});
  auto step = size == 0 ? 1 : 1 + data[size - 1] % 13;
  std::vector<std::string_view> pieces;
  for (size_t at = 0; at < size && pieces.size() < 200; at += step)
    pieces.push_back(bytes.substr(at, pieces.size() == 199 ? bytes.npos : step));
  auto in_pieces = w.after(pieces);
  // Bytes behind an upgrade are refused when they are there in time.
  if (!says_upgrade(bytes)) expect(whole == in_pieces, "requests do not depend on how their bytes came");
  return 0;
}
