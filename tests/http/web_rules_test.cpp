// Hosts, origins and proxies: who is answered, what browsers are told, and whose word counts.
#include "http/web_rules.hpp"

#include <doctest/doctest.h>

#include "http/server_core.hpp"
#include "tests/support/test_server.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

web_rules rules_with(std::vector<std::string> config::*list, std::vector<std::string> values) {
  config c;
  c.*list = std::move(values);
  return web_rules{c};
}

std::string cors_for(const web_rules& rules, std::string_view origin) {
  std::string lines;
  rules.append_cors(lines, origin);
  return lines;
}

std::string client_of(const web_rules& rules, const char* peer, std::string_view chain) {
  return ip_text(rules.client_behind(*parse_ip(peer), chain));
}

/// A server with these settings; its handlers echo, and tell the test what they saw.
struct web_server : test_server {
  config settings;
  test_server& start() {
    options.web = std::make_shared<web_rules>(settings);
    return test_server::start();
  }
};

std::string get(const std::string& headers, const std::string& method = "GET") {
  return method + " /x HTTP/1.1\r\nHost: api.example.org\r\n" + headers + "\r\n";
}

constexpr auto page = "https://app.example.org";
const std::string from_page = "Origin: https://app.example.org\r\n";
const std::string asks = "Access-Control-Request-Method: PATCH\r\nAccess-Control-Request-Headers: authorization\r\n";

}  // namespace

TEST_CASE("only the hosts of the list are answered, whatever their case, port or last dot") {
  auto rules = rules_with(&config::trusted_hosts, {"api.example.org", "*.Apps.example.org", "[::1]"});
  for (auto host : {"api.example.org", "API.Example.Org", "api.example.org:8443", "api.example.org.",
                    "a.apps.example.org", "a.b.apps.example.org:80", "[::1]", "[::1]:8080"}) {
    CAPTURE(host);
    CHECK(rules.answers_for(host));
  }
  for (auto host : {"", "example.org", "evil.org", "apps.example.org", "xapps.example.org", "api.example.org.evil.org",
                    "api.example.org@evil.org", "[::2]", "::1"}) {
    CAPTURE(host);
    CHECK_FALSE(rules.answers_for(host));
  }
  CHECK(rules_with(&config::trusted_hosts, {}).answers_for("anything"));
  CHECK(rules_with(&config::trusted_hosts, {"*"}).answers_for("anything"));
}

TEST_CASE("a host that is not of the list gets 421, and no handler sees the request") {
  web_server it;
  it.settings.trusted_hosts = {"other.example.org"};
  it.start();
  raw_socket client(it.port());
  client.send(get(""));
  CHECK(client.reply().status == 421);
  CHECK(it.seen.empty());
}

TEST_CASE("an origin of the list may read the answer, another one may not, and caches are told") {
  auto rules = rules_with(&config::cors_origins, {page, "http://localhost:3000"});
  CHECK(cors_for(rules, page).find("Access-Control-Allow-Origin: https://app.example.org\r\n") != std::string::npos);
  CHECK(cors_for(rules, page).find("Vary: Origin\r\n") != std::string::npos);
  CHECK(cors_for(rules, page).find("Credentials") == std::string::npos);
  for (auto other : {"https://evil.example.org", "http://app.example.org", "https://app.example.org:444", "null", "",
                     "https://app.example.org.evil.org"}) {
    CAPTURE(other);
    CHECK(cors_for(rules, other) == "Vary: Origin\r\n");
  }
}

TEST_CASE("any origin is a star, never an echo: nothing is said when nothing is configured") {
  auto any = rules_with(&config::cors_origins, {"*"});
  CHECK(cors_for(any, page).starts_with("Access-Control-Allow-Origin: *\r\n"));
  CHECK(cors_for(any, "").empty());
  CHECK(cors_for(web_rules{config{}}, page).empty());
  config c;
  c.cors_origins = {"*"};
  c.cors_credentials = true;  // load_config refuses it; if it came through, nobody would be let in
  CHECK(cors_for(web_rules{c}, page).find("Allow-Origin") == std::string::npos);
}

TEST_CASE("a preflight is answered before any handler, with what the page may do") {
  web_server it;
  it.settings.cors_origins = {page};
  it.settings.cors_credentials = true;
  it.start();
  raw_socket client(it.port());
  client.send(get(from_page + asks, "OPTIONS"));
  auto reply = client.reply();
  CHECK(reply.status == 204);
  CHECK(reply.headers["Access-Control-Allow-Origin"] == page);
  CHECK(reply.headers["Access-Control-Allow-Credentials"] == "true");
  CHECK(reply.headers["Access-Control-Allow-Methods"].find("PATCH") != std::string::npos);
  CHECK(reply.headers["Access-Control-Allow-Headers"].find("Authorization") != std::string::npos);
  CHECK(reply.headers["Access-Control-Max-Age"] == "600");
  CHECK(reply.headers["Vary"] == "Origin");
  CHECK(it.seen.empty());
  client.send(get(from_page));  // the same connection goes on
  reply = client.reply();
  CHECK(reply.status == 200);
  CHECK(reply.headers["Access-Control-Allow-Origin"] == page);
  CHECK(reply.headers["Access-Control-Expose-Headers"].find("X-Request-ID") != std::string::npos);
}

TEST_CASE("a preflight of another origin is 403, an OPTIONS that is none goes to its handler") {
  web_server it;
  it.settings.cors_origins = {page};
  it.start();
  raw_socket client(it.port());
  client.send(get("Origin: https://evil.example\r\n" + asks, "OPTIONS"));
  auto reply = client.reply();
  CHECK(reply.status == 403);
  CHECK(reply.headers.count("Access-Control-Allow-Origin") == 0);
  CHECK(it.seen.empty());
  client.send(get(from_page, "OPTIONS"));
  CHECK(client.reply().status == 200);
  CHECK(it.seen.take().method == "OPTIONS");
}

TEST_CASE("a page may read errors of the server itself, too") {
  web_server it;
  it.settings.cors_origins = {page};
  it.start();
  raw_socket client(it.port());
  client.send(get(from_page + "Content-Length: 99999999\r\n", "POST"));
  auto reply = client.reply();
  CHECK(reply.status == 413);
  CHECK(reply.headers["Access-Control-Allow-Origin"] == page);
}

TEST_CASE("a WebSocket of a page from elsewhere is refused once origins are named: of one's own page it is not") {
  const std::string upgrade =
      "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
      "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
  auto status = [&](std::vector<std::string> origins, const std::string& headers) {
    web_server it;
    it.settings.cors_origins = std::move(origins);
    it.start();
    raw_socket client(it.port());
    client.send(get(upgrade + headers));
    return client.reply().status;
  };
  CHECK(status({page}, "Origin: https://evil.example\r\n") == 403);
  CHECK(status({page}, from_page) == 404);  // it came to the handler, which knows no sockets
  CHECK(status({page}, "Origin: https://api.example.org\r\n") == 404);
  CHECK(status({page}, "") == 404);
  CHECK(status({}, "Origin: https://evil.example\r\n") == 404);
}

TEST_CASE("the client behind proxies is the last address that is not one of ours") {
  auto rules = rules_with(&config::trusted_proxies, {"10.0.0.0/8", "::1"});
  CHECK(client_of(rules, "10.0.0.1", "203.0.113.7") == "203.0.113.7");
  CHECK(client_of(rules, "10.0.0.1", "6.6.6.6, 203.0.113.7") == "203.0.113.7");
  CHECK(client_of(rules, "10.0.0.1", "6.6.6.6,203.0.113.7 , 10.2.2.2") == "203.0.113.7");
  CHECK(client_of(rules, "::1", "2001:db8::9") == "2001:db8::9");
  CHECK(client_of(rules, "10.0.0.1", "10.3.3.3") == "10.3.3.3");
  CHECK(client_of(rules, "10.0.0.1", "") == "10.0.0.1");
  CHECK(client_of(rules, "10.0.0.1", "6.6.6.6, unknown") == "10.0.0.1");
  CHECK(client_of(rules, "10.0.0.1", "6.6.6.6, evil, 10.2.2.2") == "10.2.2.2");
  CHECK(client_of(rules, "203.0.113.9", "6.6.6.6") == "203.0.113.9");
}

TEST_CASE("X-Forwarded headers count from a trusted proxy only") {
  const std::string forwarded =
      "X-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 203.0.113.7\r\nX-Forwarded-Proto: https\r\n";
  web_server trusting, other;
  trusting.settings.trusted_proxies = {"127.0.0.0/8"};
  trusting.start();
  raw_socket through(trusting.port());
  through.send(get(forwarded));
  CHECK(through.reply().headers.count("Strict-Transport-Security") == 1);
  auto seen = trusting.seen.take();
  CHECK(seen.remote_ip == "203.0.113.7");
  CHECK(seen.secure);
  through.send(get(""));
  CHECK(through.reply().headers.count("Strict-Transport-Security") == 0);
  CHECK(trusting.seen.take().remote_ip == "127.0.0.1");
  other.start();
  raw_socket direct(other.port());
  direct.send(get(forwarded));
  CHECK(direct.reply().headers.count("Strict-Transport-Security") == 0);
  seen = other.seen.take();
  CHECK(seen.remote_ip == "127.0.0.1");
  CHECK_FALSE(seen.secure);
}

TEST_CASE("every answer is protected, and a reply may say otherwise for itself") {
  test_server it;
  it.handlers.request = [](http_request request, respond_fn respond) {
    http_reply reply{200, "x"};
    if (request.path == "/page") reply.headers = {{"cache-control", "max-age=60"}, {"Content-Security-Policy", "own"}};
    respond(std::move(reply));
  };
  it.start();
  raw_socket client(it.port());
  for (std::string bytes : {"GET /x HTTP/1.1\r\nHost: h\r\n\r\n", "bad bytes\r\n\r\n"}) {
    client.send(bytes);
    auto reply = client.reply();
    CAPTURE(reply.status);
    CHECK(reply.headers["X-Content-Type-Options"] == "nosniff");
    CHECK(reply.headers["X-Frame-Options"] == "DENY");
    CHECK(reply.headers["Referrer-Policy"] == "no-referrer");
    CHECK(reply.headers["Cache-Control"] == "no-store");
    CHECK(reply.headers["Content-Security-Policy"] == "default-src 'none'; frame-ancestors 'none'");
  }
  raw_socket other(it.port());
  other.send("GET /page HTTP/1.1\r\nHost: h\r\n\r\n");
  auto reply = other.reply();
  CHECK(reply.headers["cache-control"] == "max-age=60");
  CHECK(reply.headers.count("Cache-Control") == 0);
  CHECK(reply.headers["Content-Security-Policy"] == "own");
}

TEST_CASE("one address may not take all connections, unless it is a trusted proxy") {
  web_server it;
  it.options.connections_per_address_max = 2;
  it.start();
  raw_socket one(it.port()), two(it.port()), three(it.port());
  CHECK(three.closed());
  one.send(get(""));
  CHECK(one.reply().status == 200);
  one.close();
  auto again = [&] {
    raw_socket four(it.port());
    four.send(get(""));
    try {
      return four.reply().status == 200;
    } catch (const std::runtime_error&) {
      return false;
    }
  };
  CHECK(soon(again));
  web_server behind;
  behind.options.connections_per_address_max = 1;
  behind.settings.trusted_proxies = {"127.0.0.1"};
  behind.start();
  raw_socket a(behind.port()), b(behind.port());
  b.send(get(""));
  CHECK(b.reply().status == 200);
}

TEST_CASE("a body that was refused in a rush is not found in front of the next one") {
  test_server it;
  mailbox<respond_fn> held;
  it.options.in_flight_max = 1;
  it.handlers.request = [&](http_request request, respond_fn respond) {
    it.seen.put(std::move(request));
    held.put(std::move(respond));
  };
  it.start();
  raw_socket first(it.port()), second(it.port());
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n";
  first.send(head + "one");
  auto respond = held.take();
  second.send(head + "two");
  CHECK(second.reply().status == 503);
  respond({200, ""});
  CHECK(first.reply().status == 200);
  second.send(head + "abc");
  held.take()({200, ""});
  CHECK(it.seen.take().body == "one");
  CHECK(it.seen.take().body == "abc");
  CHECK(second.reply().status == 200);
  it.server.reset();
}
