// Sessions by the clock, and what stops at once.
#include <doctest/doctest.h>

#include "model/identity.hpp"
#include "tests/support/route_desk.hpp"

using namespace troupe;

namespace {

constexpr int64_t minute = 60'000, day = 24 * 60 * minute;

struct people : route_desk {
  std::string id =
      must(201, "POST", "/api/v1/auth/register", {{"email", "eve@example.org"}, {"password", right}})["id"];

  people() {
    change c;
    c.tier = tier_update{id, "unlimited"};
    w.commit(c);
  }

  static constexpr const char* right = "a long password";
  http_reply try_log_in(const std::string& password) {
    return send("POST", "/api/v1/auth/login", {{"email", "eve@example.org"}, {"password", password}});
  }
  json log_in() {
    auto r = try_log_in(right);
    INFO(r.body);
    REQUIRE(r.status == 200);
    return json::parse(r.body);
  }
  http_reply refresh(const json& pass) {
    return send("POST", "/api/v1/auth/refresh", {{"refresh_token", pass["refresh_token"]}});
  }
  int status(const json& pass) { return send("GET", "/api/v1/auth/profile", nullptr, pass["access_token"]).status; }
  void turn(int64_t ms) { w.wall += ms, w.mono += ms; }
  void set_status(const std::string& word) {
    change c;
    c.identity = std::make_shared<identity_change>(identity_change{{user_patch{id, word}}});
    w.commit(c);
    tell(w.actors().sessions.get(), forget_user{id});
    w.run();
  }
};

}  // namespace

TEST_CASE("an access token ends after an hour, its session thirty days after the last refresh") {
  people d;
  auto pass = d.log_in();
  d.turn(60 * minute - 1'000);
  CHECK(d.status(pass) == 200);
  d.turn(1'000);
  CHECK(d.status(pass) == 401);
  for (int month = 0; month < 3; ++month) {
    d.turn(29 * day);
    auto r = d.refresh(pass);
    REQUIRE(r.status == 200);
    pass = json::parse(r.body);
    CHECK(d.status(pass) == 200);
  }
  d.turn(30 * day);
  CHECK(d.status(pass) == 401);
  CHECK(d.refresh(pass).status == 401);
}

TEST_CASE("a suspended user's sessions and keys stop at once, and go on when it is active again") {
  people d;
  auto pass = d.log_in();
  auto key = d.must(201, "POST", "/api/api-keys", {{"name", "k"}}, pass["access_token"])["key"].get<std::string>();
  CHECK(d.send("GET", "/api/v1/account", nullptr, key).status == 200);
  d.set_status("suspended");
  CHECK(d.status(pass) == 401);
  CHECK(d.refresh(pass).status == 401);
  CHECK(d.send("GET", "/api/v1/account", nullptr, key).status == 401);
  CHECK(d.try_log_in("another password").status == 401);  // only who knows the password hears of it
  auto told = d.try_log_in(people::right);
  CHECK(told.status == 403);
  CHECK(told.body.find("suspended") != std::string::npos);
  d.set_status("active");
  CHECK(d.status(pass) == 200);
  CHECK(d.refresh(pass).status == 200);
}

TEST_CASE("among several gateways a revocation that was never heard of holds after half a minute") {
  people d;
  auto pass = d.log_in();
  CHECK(d.status(pass) == 200);
  d.w.h().cluster.expect_others();
  d.w.commit(change_of(session_end{d.id, pass["session_id"], {}, d.w.wall}));
  CHECK(d.status(pass) == 200);
  d.turn(30'000);
  CHECK(d.status(pass) == 401);
}

TEST_CASE("a socket closes when its credential ends, and another's does not") {
  struct fake_socket : web_socket {
    uint16_t closed = 0;
    bool send(std::string) override { return true; }
    size_t queued_bytes() const override { return 0; }
    void close(uint16_t code, std::string) override { closed = code; }
  };
  people d;
  auto first = d.log_in(), second = d.log_in();
  auto open = [&](const std::string& token) {
    http_request r;
    r.path = r.target = "/v1/stream";
    r.authorization = "Bearer " + token;
    r.header = [](std::string_view) { return std::string{}; };
    auto socket = std::make_shared<fake_socket>();
    socket_events events;
    serve_upgrade(d.e, std::move(r), [&](const upgrade_answer& a) {
      REQUIRE(a.opened);
      events = a.opened(socket);
    });
    d.w.run();
    return std::pair{socket, events};
  };
  auto [one, one_events] = open(first["access_token"]);
  auto [two, two_events] = open(second["access_token"]);
  auto [gone, gone_events] = open(first["access_token"]);
  gone_events.closed();
  d.must(200, "POST", "/api/v1/auth/logout", json::object(), first["access_token"]);
  CHECK(one->closed == 1008);
  CHECK(two->closed == 0);
  CHECK(gone->closed == 0);
  d.set_status("suspended");
  CHECK(two->closed == 1008);
  one_events.closed();
  two_events.closed();
  d.w.run();
}

TEST_CASE("after five wrong passwords half a minute must pass, also for the right one") {
  people d;
  for (int i = 0; i < 5; ++i) CHECK(d.try_log_in("another password").status == 401);
  auto r = d.try_log_in(people::right);
  CHECK(r.status == 429);
  CHECK(header_of(r, "Retry-After") == "30");
  d.turn(29'999);
  CHECK(d.try_log_in(people::right).status == 429);
  d.turn(1);
  CHECK(d.try_log_in(people::right).status == 200);
  CHECK(d.try_log_in("another password").status == 401);  // the count began anew
}

TEST_CASE("an address that fails under many names must wait, too") {
  people d;
  for (int i = 0; i < 50; ++i) {
    CHECK(d.send("POST", "/api/v1/auth/login", {{"email", std::to_string(i)}, {"password", "x"}}).status == 401);
    d.turn(500);  // slower than what is refused as a burst
  }
  CHECK(d.try_log_in(people::right).status == 429);
}

TEST_CASE("while the database is away a refresh is 503, and its token is good afterwards") {
  people d;
  auto pass = d.log_in();
  d.w.faults.writes_away = true;
  CHECK(d.refresh(pass).status == 503);
  d.w.faults.writes_away = false;
  CHECK(d.refresh(pass).status == 200);
  CHECK(d.refresh(pass).status == 401);
}

TEST_CASE("a session and its tokens are there after a restart, also what was revoked") {
  people d;
  auto lives = d.log_in(), ended = d.log_in();
  d.must(200, "POST", "/api/v1/auth/logout", json::object(), ended["access_token"]);
  d.w.restart();
  edge fresh{d.w.h(), "a secret of the tests", 0};
  std::map<std::string, int> got;
  for (auto& [name, pass] : {std::pair{"lives", lives}, std::pair{"ended", ended}}) {
    http_request r;
    r.method = "GET";
    r.path = "/api/v1/auth/profile";
    r.authorization = "Bearer " + pass["access_token"].get<std::string>();
    serve_request(fresh, std::move(r), [&, name = std::string{name}](const http_reply& x) { got[name] = x.status; });
    d.w.run();
  }
  CHECK(got["lives"] == 200);
  CHECK(got["ended"] == 401);
}
