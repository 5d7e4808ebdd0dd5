// The HTTP server over real sockets: what it answers, what it refuses, and how it closes.
#include "tests/support/test_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace troupe;
using namespace troupe::testing;

namespace {

const std::string host = "Host: here\r\n";

std::string get(const std::string& target, const std::string& headers = "") {
  return "GET " + target + " HTTP/1.1\r\n" + host + headers + "\r\n";
}

/// The status of the answer to these bytes; negative when the connection stays open after it.
int status_and_close(uint16_t port, const std::string& bytes) {
  raw_socket client(port);
  client.send(bytes);
  auto status = client.reply().status;
  return client.closed() ? status : -status;
}

int64_t elapsed_ms(std::chrono::steady_clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - since).count();
}

}  // namespace

TEST_CASE("a request reaches its handler whole, and the reply carries what every reply must") {
  test_server it;
  it.handlers.request = [&](http_request request, respond_fn respond) {
    auto extra = request.header("x-EXTRA") + "," + request.header("X-Absent");
    it.seen.put(std::move(request));
    respond({201, extra, "text/plain", {{"X-Own", "a\r\nX-Evil: b"}}});
  };
  it.start();
  raw_socket client(it.port());
  client.send(
      "POST /a%20b/%C3%A9?q=%41&r HTTP/1.1\r\nHost: h\r\nX-Request-ID: my.id-1\r\nX-API-Key: k\r\n"
      "Authorization: Bearer t\r\nIdempotency-Key: i\r\nContent-Type: text/x\r\nX-Error-Dialect: openai\r\n"
      "X-Extra:  spaced out \t\r\nContent-Length: 4\r\n\r\nbody");
  auto reply = client.reply();
  auto request = it.seen.take();
  CHECK(request.method == "POST");
  CHECK(request.target == "/a%20b/%C3%A9?q=%41&r");
  CHECK(request.path == "/a b/\xC3\xA9");
  CHECK(request.query == "q=%41&r");
  CHECK(request.body == "body");
  CHECK(request.request_id == "my.id-1");
  CHECK(request.remote_ip == "127.0.0.1");
  CHECK(request.authorization == "Bearer t");
  CHECK(request.api_key == "k");
  CHECK(request.idempotency_key == "i");
  CHECK(request.content_type == "text/x");
  CHECK(request.error_dialect == "openai");
  CHECK(reply.status == 201);
  CHECK(reply.body == "spaced out,");
  CHECK(reply.headers["X-Request-ID"] == "my.id-1");
  CHECK(reply.headers["Content-Type"] == "text/plain");
  CHECK(reply.headers["Server"] == "troupe");
  CHECK(reply.headers["Date"].ends_with(" GMT"));
  CHECK(reply.headers["X-Content-Type-Options"] == "nosniff");
  CHECK(reply.headers["X-Own"] == "aX-Evil: b");
}

TEST_CASE("a request id is made when none or a bad one is sent") {
  test_server it;
  it.start();
  raw_socket client(it.port());
  for (std::string sent : {"", "X-Request-ID: has space\r\n", "X-Request-ID: <script>\r\n"}) {
    client.send(get("/", sent));
    CHECK(client.reply().headers["X-Request-ID"].size() == 32);
  }
  client.send(get("/", "X-Request-ID: " + std::string(128, 'a') + "\r\n"));
  CHECK(client.reply().headers["X-Request-ID"] == std::string(128, 'a'));
  client.send(get("/", "X-Request-ID: " + std::string(129, 'a') + "\r\n"));
  CHECK(client.reply().headers["X-Request-ID"].size() == 32);
}

TEST_CASE("what two servers could read differently is refused with 400 and a closed connection") {
  test_server it;
  it.start();
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  const std::string chunked = post + "Transfer-Encoding: chunked\r\n\r\n";
  for (std::string bytes : {
           std::string("GET / HTTP/1.1\r\n\r\n"),
           "GET / HTTP/1.1\r\n" + host + host + "\r\n",
           std::string("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
           post + "Content-Length: 1\r\nContent-Length: 1\r\n\r\nx",
           post + "Content-Length: 1, 1\r\n\r\nx",
           post + "Content-Length: +1\r\n\r\nx",
           post + "Content-Length: \r\n\r\nx",
           post + "Content-Length: 99999999999999999999\r\n\r\nx",
           post + "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
           post + "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n",
           std::string("POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
           post + "Content-Length : 1\r\n\r\nx",
           post + " Content-Length: 1\r\n\r\nx",
           chunked + "g\r\n",
           chunked + "-1\r\n",
           chunked + "0x1\r\nx\r\n0\r\n\r\n",
           chunked + "1 \r\nx\r\n0\r\n\r\n",
           chunked + "1\nx\r\n0\r\n\r\n",
           chunked + "1\r\nxy\r\n0\r\n\r\n",
           chunked + "ffffffffffffffff1\r\n",
           chunked + std::string(400, '0'),
           chunked + "1;" + std::string(400, 'e'),
           chunked + "1\r\nx\r\n0\r\n" + std::string(5000, 't'),
           get("/", "X-Folded: a\r\n b\r\n"),
           get("/", "X-Control: a\x01z\r\n"),
           get("/", std::string("X-Nul: a\0z\r\n", 12)),
           get("/", "X-Return: a\rz\r\n"),
           get("/", "no colon\r\n"),
           get("/", ": no name\r\n"),
           get("/", "Authorization: a\r\nAuthorization: b\r\n"),
           std::string("GET / HTTP/1.1\nHost: h\n\n"),
           std::string("GET / HTTP/1.1\r\nHost: h\n\r\n"),
           std::string("\r\nGET / HTTP/1.1\r\n"),
           std::string("GET /\r\n"),
           std::string("GET / HTTP/2.0\r\n"),
           std::string("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
           std::string("GET / HTTP/1.2\r\n"),
           std::string("GET  HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("GET  / HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("G(T / HTTP/1.1\r\nHost: h\r\n\r\n"),
           std::string("\x16\x03\x01\x02", 4),
       }) {
    CAPTURE(bytes.substr(0, 100));
    CHECK(status_and_close(it.port(), bytes) == 400);
  }
  CHECK(it.seen.empty());
  CHECK(it.server->in_flight() == 0);
}

TEST_CASE("a path that hides something is refused") {
  test_server it;
  it.start();
  for (std::string target :
       {"/%",         "/%4",    "/%zz",    "/%00",       "/%0a",  "/%7f",   "/a%2fb",    "/a%2Fb", "/a%5cb", "/a\\b",
        "/.",         "/..",    "/a/../b", "/%2e%2e/b",  "/.%2E", "/a/%2e", "//",        "/a//b",  "/%ff",   "/%c0%af",
        "/%ed%a0%80", "/a\x01", "/a\x7f",  "/a\xc3\xa9", "/a#b",  "a",      "http://h/", "*"}) {
    CAPTURE(target);
    CHECK(status_and_close(it.port(), get(target)) == 400);
  }
  CHECK(it.seen.empty());
  for (std::string target : {"/", "/a/", "/a.b/..c/...", "/%41?a=%2f..//%00", "/%e2%82%ac", "/%252e%252e"}) {
    CAPTURE(target);
    CHECK(status_and_close(it.port(), get(target, "Connection: close\r\n")) == 200);
  }
}

TEST_CASE("a header over its bounds is 431 and a long target 414") {
  test_server it;
  it.start();
  auto port = it.port();
  std::string many;
  for (int i = 0; i < 20'000; ++i) many += "a: b\r\n";
  CHECK(status_and_close(port, get("/", many)) == 431);
  CHECK(status_and_close(port, get("/", many.substr(0, 6 * 300))) == 431);
  CHECK(status_and_close(port, get("/", "X: " + std::string(17'000, 'x') + "\r\n")) == 431);
  CHECK(status_and_close(port, get("/", "X: " + std::string(15'000, 'x') + "\r\nConnection: close\r\n")) == 200);
  CHECK(status_and_close(port, get("/" + std::string(4096, 'x'))) == 414);
  CHECK(status_and_close(port, "GET /" + std::string(9000, 'x')) == 414);
  CHECK(status_and_close(port, get("/" + std::string(4095, 'x'), "Connection: close\r\n")) == 200);
}

TEST_CASE("a body over its bound is refused, by its declared length before it is read") {
  test_server it;
  it.start();
  const std::string post = "POST / HTTP/1.1\r\nHost: h\r\n";
  CHECK(status_and_close(it.port(), post + "Content-Length: 10485760\r\n\r\n") == 413);
  CHECK(status_and_close(it.port(), post + "Content-Length: 10485760\r\n\r\n" + std::string(10'485'760, 'x')) == 413);
  CHECK(status_and_close(it.port(), post + "Transfer-Encoding: chunked\r\n\r\n200000\r\n") == 413);
  std::string chunks;
  for (int i = 0; i < 17; ++i) chunks += "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  CHECK(status_and_close(it.port(), post + "Transfer-Encoding: chunked\r\n\r\n" + chunks) == 413);
  CHECK(it.seen.empty());
  raw_socket client(it.port());
  client.send(post + "Content-Length: 1048576\r\n\r\n" + std::string(1'048'576, 'x'));
  CHECK(client.reply().status == 200);
  CHECK(it.seen.take().body == std::string(1'048'576, 'x'));
}

TEST_CASE("a chunked body is put together, byte by byte if need be, and its trailer dropped") {
  test_server it;
  it.start();
  raw_socket client(it.port());
  std::string bytes =
      "PUT /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: Chunked\r\n\r\n5;a=\"b\"\r\nhello\r\nA\r\n, "
      "world!\r\n\r\n000\r\nX-Trailer: t\r\nHost: other\r\n\r\n";
  for (char c : bytes) client.send({&c, 1});
  CHECK(client.reply().body == "you sent PUT /c hello, world!\r\n");
  client.send(get("/next"));
  CHECK(client.reply().body == "you sent GET /next ");
}

TEST_CASE("a client that waits for 100 Continue gets it, unless its body is too large") {
  test_server it;
  it.start();
  raw_socket client(it.port());
  client.send("POST / HTTP/1.1\r\nHost: h\r\nExpect: 100-Continue\r\nContent-Length: 2\r\n\r\n");
  CHECK(client.take_until("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  client.send("ok");
  CHECK(client.reply().body == "you sent POST / ok");
  auto expect = [](std::string what) { return "POST / HTTP/1.1\r\nHost: h\r\nExpect: " + what + "\r\n"; };
  CHECK(status_and_close(it.port(), expect("100-continue") + "Content-Length: 9999999\r\n\r\n") == 413);
  CHECK(status_and_close(it.port(), expect("miracles") + "\r\n") == 417);
}

TEST_CASE("fifty requests in one write are answered in order") {
  test_server it;
  std::vector<std::thread> slow;
  it.handlers.request = [&](http_request request, respond_fn respond) {
    slow.emplace_back([=] { respond({200, request.path}); });  // strictly one after the other, else a data race
  };
  it.start();
  raw_socket client(it.port());
  std::string all;
  for (int i = 0; i < 50; ++i) all += get("/" + std::to_string(i));
  client.send(all);
  for (int i = 0; i < 50; ++i) CHECK(client.reply().body == "/" + std::to_string(i));
  it.server->stop(1000);
  for (auto& one : slow) one.join();
}

TEST_CASE("HEAD gets the length but not the body, 204 neither") {
  test_server it;
  it.handlers.request = [](http_request request, respond_fn respond) {
    respond({request.path == "/none" ? 204 : 200, request.method});
  };
  it.start();
  raw_socket client(it.port());
  client.send("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n" + get("/none") + get("/"));
  CHECK(client.reply(true).headers["Content-Length"] == "4");
  auto none = client.reply();
  CHECK(none.status == 204);
  CHECK(none.headers.count("Content-Length") == 0);
  CHECK(client.reply().body == "GET");
}

TEST_CASE("a connection is kept or closed as the client says") {
  test_server it;
  it.start();
  CHECK(status_and_close(it.port(), "GET / HTTP/1.0\r\n\r\n") == 200);
  CHECK(status_and_close(it.port(), get("/", "Connection: foo, Close\r\n") + get("/never")) == 200);
  raw_socket old(it.port());
  old.send("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(old.reply().headers["Connection"] == "keep-alive");
  old.send("GET /again HTTP/1.0\r\n\r\n");
  CHECK(old.reply().headers["Connection"] == "close");
  CHECK(old.closed());
}

TEST_CASE("a large reply arrives whole") {
  test_server it;
  std::string large(20'000'000, 'l');
  for (size_t i = 0; i < large.size(); i += 997) large[i] = static_cast<char>('a' + i % 26);
  it.handlers.request = [&](http_request, respond_fn respond) { respond({200, large}); };
  it.start();
  raw_socket client(it.port());
  client.send(get("/") + get("/"));
  CHECK((client.reply().body == large));
  CHECK((client.reply().body == large));
}

TEST_CASE("slow headers and bodies are 408, an idle connection is closed without a word") {
  test_server it;
  it.options.header_ms = it.options.body_ms = it.options.idle_ms = 80;
  it.start();
  auto start = std::chrono::steady_clock::now();
  CHECK(status_and_close(it.port(), "GET / HTT") == 408);
  CHECK(elapsed_ms(start) >= 80);
  CHECK(status_and_close(it.port(), "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9\r\n\r\nhalf") == 408);
  raw_socket idle(it.port());
  CHECK(idle.closed());
  raw_socket used(it.port());
  used.send(get("/"));
  CHECK(used.reply().status == 200);
  CHECK(used.closed());
}

TEST_CASE("a header that trickles in does not renew its time, a body that makes progress does") {
  test_server it;
  it.options.header_ms = it.options.body_ms = 200;
  it.start();
  raw_socket slow(it.port());
  std::atomic<bool> refused = false;
  std::thread trickle([&] {
    slow.send("GET / HTTP/1.1\r\nX: ");
    for (int i = 0; i < 400 && !refused; ++i) {
      slow.send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(10));  // the pace is what is tested
    }
  });
  CHECK(slow.reply().status == 408);
  refused = true;
  trickle.join();
  raw_socket steady(it.port());
  steady.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 12\r\n\r\n");
  for (int i = 0; i < 12; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(40));
    steady.send("x");
  }
  CHECK(steady.reply().status == 200);
}

TEST_CASE("a body that trickles in for ever is 408 all the same") {
  test_server it;
  it.options.body_ms = 40;
  it.start();
  raw_socket slow(it.port());
  slow.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 1000\r\n\r\n");
  std::atomic<bool> refused = false;
  auto start = std::chrono::steady_clock::now();
  std::thread trickle([&] {
    for (int i = 0; i < 900 && !refused; ++i) {
      slow.send("x");
      std::this_thread::sleep_for(std::chrono::milliseconds(5));  // the pace is what is tested
    }
  });
  CHECK(slow.reply().status == 408);
  refused = true;
  trickle.join();
  CHECK(elapsed_ms(start) < 4'000);
}
