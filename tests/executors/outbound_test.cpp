// Requests to addresses of users, over real sockets: what is reached, what is refused, and where a redirect leads.
#include "executors/outbound.hpp"

#include "model_server.hpp"

using namespace troupe;
using namespace troupe::testing;

namespace {

outbound_request request_to(const std::string& url, const outbound_rules& rules) {
  auto parsed = parse_outbound_url(url, rules);
  REQUIRE(std::holds_alternative<outbound_url>(parsed));
  outbound_request r;
  r.url = std::get<outbound_url>(parsed);
  r.body = "{}";
  return r;
}

/// The same server by a public name, which "resolves" as the test says.
outbound_request by_name(const model_server& server, const std::string& addresses) {
  auto port = server.url().substr(server.url().rfind(':') + 1);
  auto r = request_to("http://hooks.example.org:" + port + "/x", {});
  r.names = {"hooks.example.org:" + port + ":" + addresses};
  return r;
}

const outbound_rules open_loopback = outbound_rules_of({"127.0.0.1/32"});

}  // namespace

TEST_CASE("an allowed address is asked and its answer comes back") {
  model_server server(http(201, "made"));
  auto r = request_to(server.url("/hook?a=b"), open_loopback);
  r.headers = {"X-Troupe: yes"};
  auto answer = call_outbound(r, open_loopback);
  CHECK(answer.end == outbound_end::answered);
  CHECK(answer.status == 201);
  CHECK(answer.body == "made");
  auto seen = server.wait_for_request();
  CHECK(seen.starts_with("POST /hook?a=b HTTP/1.1\r\n"));
  CHECK(seen.find("X-Troupe: yes\r\n") != std::string::npos);
  CHECK(seen.ends_with("\r\n\r\n{}"));
}

TEST_CASE("a name that resolves to a private address is refused, and nothing is connected") {
  model_server server(http(200, "secret"));
  for (auto address : {"127.0.0.1", "[::1]", "[::ffff:127.0.0.1]", "127.0.0.1,[::1]"}) {
    CAPTURE(address);
    auto answer = call_outbound(by_name(server, address), {});
    CHECK(answer.end == outbound_end::refused);
    CHECK(answer.body.empty());
    CHECK(answer.trouble == "the name leads to an address that is not public");
  }
  // The server has one answer for all; had one of the above come in, this would not be the first.
  auto open = by_name(server, "127.0.0.1");
  open.url.text += "?allowed";
  CHECK(call_outbound(open, open_loopback).end == outbound_end::answered);
  CHECK(server.wait_for_request().starts_with("POST /x?allowed "));
}

TEST_CASE("an allowed range does not open the addresses beside it") {
  model_server server(http(200, "secret"));
  auto rules = outbound_rules_of({"10.0.0.0/8"});
  auto port = server.url().substr(server.url().rfind(':') + 1);
  auto r = request_to("http://localhost:" + port, rules);  // looked up by the system's own resolver
  CHECK(call_outbound(r, rules).end == outbound_end::refused);
  CHECK(outbound_problem(r.url, rules) == "the name leads to an address that is not public");
  CHECK(outbound_problem(r.url, outbound_rules_of({"127.0.0.0/8", "::1"})).empty());
}

TEST_CASE("a redirect is an answer, and is not followed") {
  model_server inner(http(200, "secret"));
  model_server outer("HTTP/1.1 302 Found\r\nLocation: " + inner.url() +
                     "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
  auto answer = call_outbound(request_to(outer.url(), open_loopback), open_loopback);
  CHECK(answer.end == outbound_end::answered);
  CHECK(answer.status == 302);
  CHECK(answer.body.empty());
}

TEST_CASE("a server that does not answer, answers too much or is not there ends the call") {
  model_server silent("");
  auto r = request_to(silent.url(), open_loopback);
  r.timeout_ms = 100;
  CHECK(call_outbound(r, open_loopback).end == outbound_end::timed_out);
  model_server wordy(http(200, std::string(100'000, 'x')));
  CHECK(call_outbound(request_to(wordy.url(), open_loopback), open_loopback).end == outbound_end::too_large);
  auto nobody = request_to("http://127.0.0.1:1024/", open_loopback);
  CHECK(call_outbound(nobody, open_loopback).end == outbound_end::failed);
}

TEST_CASE("a name that nobody knows may be known later, and fails until then") {
  auto r = request_to("http://no-such-name.invalid/", {});
  CHECK(outbound_problem(r.url, {}).empty());
  CHECK(call_outbound(r, {}).end == outbound_end::failed);
}
