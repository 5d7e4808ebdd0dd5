// Requests in flight: bounds, answers that come late or never, clients that leave, and the end of the server.
#include "tests/support/test_server.hpp"

#include <doctest/doctest.h>

#include <chrono>
#include <thread>

using namespace troupe;
using namespace troupe::testing;

namespace {

const std::string get = "GET / HTTP/1.1\r\nHost: h\r\n\r\n";

/// Its handler keeps every answer for the test to give.
struct held_server : test_server {
  mailbox<respond_fn> held;
  held_server() {
    handlers.request = [this](http_request, respond_fn respond) { held.put(std::move(respond)); };
  }
  ~held_server() { server.reset(); }  // its threads use `held`
};

bool refused(uint16_t port) {
  try {
    raw_socket client(port);
    return false;
  } catch (const std::runtime_error&) {
    return true;
  }
}

}  // namespace

TEST_CASE("a request over the bound in flight is 503 with Retry-After, and the connection lives on") {
  held_server it;
  it.options.in_flight_max = 1;
  it.start();
  raw_socket first(it.port()), second(it.port());
  first.send(get);
  auto respond = it.held.take();
  CHECK(it.server->in_flight() == 1);
  second.send(get);
  auto busy = second.reply();
  CHECK(busy.status == 503);
  CHECK(busy.headers["Retry-After"] == "1");
  respond({200, "first"});
  CHECK(first.reply().body == "first");
  second.send(get);
  it.held.take()({200, "second"});
  CHECK(second.reply().body == "second");
  CHECK(soon([&] { return it.server->in_flight() == 0; }));
}

TEST_CASE("a connection over the bound is accepted and closed") {
  test_server it;
  it.options.connections_max = 2;
  it.start();
  raw_socket one(it.port()), two(it.port());
  one.send(get);
  two.send(get);
  CHECK(one.reply().status == 200);
  CHECK(two.reply().status == 200);
  raw_socket three(it.port());
  CHECK(three.closed());
  one.close();
  auto again = [&] {
    raw_socket four(it.port());
    four.send(get);
    try {
      return four.reply().status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  CHECK(soon(again));
}

TEST_CASE("a handler that does not answer is a 504, and its late answer is dropped") {
  held_server it;
  it.options.answer_ms = 60;
  it.start();
  raw_socket client(it.port());
  client.send(get);
  auto respond = it.held.take();
  CHECK(client.reply().status == 504);
  CHECK(client.closed());
  CHECK(it.server->in_flight() == 0);
  respond({200, "too late"});
  raw_socket other(it.port());
  other.send(get);
  it.held.take();  // dropped without an answer: the same
  CHECK(other.reply().status == 504);
}

TEST_CASE("a second answer to the same request is dropped") {
  held_server it;
  it.start();
  raw_socket client(it.port());
  client.send(get);
  auto respond = it.held.take();
  respond({200, "once"});
  CHECK(client.reply().body == "once");
  respond({200, "twice"});
  client.send(get);
  auto next = it.held.take();
  respond({200, "thrice"});
  next({200, "next"});
  CHECK(client.reply().body == "next");
}

TEST_CASE("a client that leaves with its request in flight leaves nothing behind") {
  held_server it;
  it.start();
  {
    raw_socket client(it.port());
    client.send(get + get);
  }
  auto respond = it.held.take();
  respond({200, std::string(10'000'000, 'x'), "text/plain"});
  CHECK(soon([&] { return it.server->in_flight() == 0; }));
  raw_socket half(it.port());
  half.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Le");
  half.close();
  raw_socket polite(it.port());
  polite.send(get);
  polite.end_sending();  // says "no more requests", not "no answer"
  it.held.take()({200, "still answered"});
  CHECK(polite.reply().body == "still answered");
  CHECK(polite.closed());
}

TEST_CASE("stop finishes what is in flight, closes what is idle, and takes no one new") {
  held_server it;
  it.start();
  auto port = it.port();
  raw_socket idle(port), busy(port), half(port);
  busy.send(get);
  auto respond = it.held.take();
  half.send("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  half.take_until("\r\n\r\n");  // so the server has read it
  std::thread stopper([&] { it.server->stop(5000); });
  CHECK(idle.closed());
  CHECK(soon([&] { return refused(port); }));
  half.send("12");
  it.held.take()({200, "whole"});
  auto whole = half.reply();
  CHECK(whole.body == "whole");
  CHECK(whole.headers["Connection"] == "close");
  respond({200, "finished"});
  auto reply = busy.reply();
  CHECK(reply.body == "finished");
  CHECK(reply.headers["Connection"] == "close");
  CHECK(busy.closed());
  stopper.join();
}

TEST_CASE("stop does not wait longer than it is told, and an answer after the server's death is harmless") {
  auto it = std::make_unique<held_server>();
  it->start();
  raw_socket client(it->port()), other(it->port());
  client.send(get);
  other.send(get);
  auto late = it->held.take(), later = it->held.take();
  auto start = std::chrono::steady_clock::now();
  it->server->stop(50);
  CHECK(std::chrono::steady_clock::now() - start < std::chrono::seconds(2));
  CHECK(client.closed());
  late({200, "nobody hears"});
  it->server->stop(50);  // again: nothing to do
  it.reset();
  later({200, "nobody at all"});
}

TEST_CASE("a port that is taken is an error that says so") {
  test_server it;
  it.start();
  test_server second;
  second.options.port = it.port();
  CHECK_THROWS_WITH_AS(second.start(), doctest::Contains("cannot listen on 127.0.0.1:"), std::runtime_error);
}

TEST_CASE("many clients on many threads are answered from yet other threads") {
  held_server it;
  it.options.threads = 4;
  it.start();
  std::atomic<int> good = 0;
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      raw_socket client(it.port());
      for (int n = 0; n < 100; ++n) {
        client.send(get);
        if (client.reply().body == "ok") ++good;
      }
    });
  }
  std::vector<std::thread> workers;
  for (int i = 0; i < 4; ++i) {
    workers.emplace_back([&] {
      for (int n = 0; n < 200; ++n) it.held.take()({200, "ok"});
    });
  }
  for (auto& one : clients) one.join();
  for (auto& one : workers) one.join();
  CHECK(good == 800);
}
