// The table of routes, and what is read from a request before any route runs.
#include "http/routes.hpp"

#include <doctest/doctest.h>

#include "http/token_keys.hpp"
#include "tests/support/route_desk.hpp"

using namespace troupe;

namespace {

struct desk : route_desk {
  /// Bodies as they are, and whole Authorization headers.
  http_reply send(std::string verb, const std::string& target, std::string body = {}, std::string authorization = {}) {
    return route_desk::send(request(std::move(verb), target, std::move(body), std::move(authorization)));
  }
  std::string bearer() { return "Bearer " + w.new_key(house_world::user); }
};

}  // namespace

TEST_CASE("a query value is found by its whole name and decoded") {
  CHECK(query_value("after=7&limit=20", "limit") == "20");
  CHECK(query_value("after=7&limit=20", "after") == "7");
  CHECK(query_value("xafter=1&after=7", "after") == "7");
  CHECK(query_value("after=1&after=2", "after") == "1");
  CHECK(query_value("name=a%20b%2Bc+d", "name") == "a b+c d");
  CHECK(query_value("name=", "name").empty());
  CHECK(query_value("name", "name").empty());
  CHECK(query_value("", "name").empty());
  CHECK(query_value("&&=&name=x", "name") == "x");
  CHECK(query_value("a=b=c", "a") == "b=c");
}

TEST_CASE("a percent sign without two hex digits stands for itself") {
  CHECK(query_value("a=100%", "a") == "100%");
  CHECK(query_value("a=%4", "a") == "%4");
  CHECK(query_value("a=%zz", "a") == "%zz");
  CHECK(query_value("a=%41", "a") == "A");
}

TEST_CASE("a query integer is within its bounds or refused") {
  CHECK(query_integer("n=5", "n", 1, 10, 7) == 5);
  CHECK(query_integer("", "n", 1, 10, 7) == 7);
  CHECK(query_integer("n=", "n", 1, 10, 7) == 7);
  for (auto bad : {"n=0", "n=11", "n=-1", "n=+5", "n=5x", "n=0x5", "n=1e1", "n=%00", "n=99999999999999999999", "n=5%20",
                   "n=5.0"}) {
    INFO(bad);
    CHECK_FALSE(query_integer(bad, "n", 1, 10, 7));
  }
}

TEST_CASE("an unknown path is 404, a known one with another verb 405 with what is allowed") {
  desk d;
  CHECK(d.send("GET", "/nothing").status == 404);
  CHECK(d.send("GET", "/").status == 404);
  CHECK(d.send("GET", "/api/v1/jobs/").status == 404);
  CHECK(d.send("GET", "/api/v1/jobs/a/b/c").status == 404);
  auto r = d.send("PATCH", "/api/v1/jobs");
  CHECK(r.status == 405);
  CHECK(header_of(r, "Allow").find("POST") != std::string::npos);
  CHECK(header_of(r, "Allow").find("GET") != std::string::npos);
  CHECK(json::parse(r.body)["request_id"] == "req-1");
}

TEST_CASE("without a good credential every closed route answers 401 before it looks at anything") {
  desk d;
  for (auto& row : routes()) {
    if (row.needs == access::open) continue;
    INFO(std::string{row.verb}, " ", std::string{row.path});
    for (auto credential : {"", "Bearer ", "Bearer fsk_wrong", "Bearer not.a.token", "Basic YTpi", "fsk_x"}) {
      auto r = d.send(std::string{row.verb}, std::string{row.path}, "{", credential);
      CHECK(r.status == 401);
      CHECK(header_of(r, "WWW-Authenticate") == "Bearer");
    }
  }
}

TEST_CASE("an admin's route is closed to others") {
  desk d;
  auto key = d.bearer();
  int seen = 0;
  for (auto& row : routes()) {
    if (row.needs != access::admin) continue;
    ++seen;
    CHECK(d.send(std::string{row.verb}, std::string{row.path}, "{}", key).status == 403);
  }
  CHECK(seen > 0);
}

TEST_CASE("every route that reads a body refuses what is no object, and writes nothing but that it refused") {
  desk d;
  auto key = d.bearer();
  auto before = d.w.faults.commits;
  int refused = 0;  // each may be a line of the audit trail
  for (auto& row : routes()) {
    if (row.verb != "POST" && row.verb != "PUT") continue;
    if (row.needs == access::admin) continue;
    for (auto body : {"", "[]", "{", "null", "\"x\"", "{\"surprise\":1}", "{\"type\":7,\"email\":7,\"amount\":7}"}) {
      INFO(std::string{row.verb}, " ", std::string{row.path}, " ", body);
      auto r = d.send(std::string{row.verb}, std::string{row.path}, body, key);
      CHECK(r.status >= 400);
      CHECK(r.status < 500);
      CHECK_FALSE(json::parse(r.body, nullptr, false).is_discarded());
      refused += r.status == 403;
    }
  }
  d.w.pass(1'100);  // many are gathered for a second
  CHECK(d.w.faults.commits <= before + refused);
  CHECK(d.w.faults.commits <= before + 20 + 2);
}

TEST_CASE("another user's job does not exist, for reading and for cancelling") {
  desk d;
  auto id = d.w.submit();
  CHECK(d.send("GET", "/api/v1/jobs/" + id, "", d.bearer()).status == 200);
  auto other = "Bearer " + d.w.new_key(house_world::provider);
  auto theirs = d.send("GET", "/api/v1/jobs/" + id, "", other);
  auto nobodys = d.send("GET", "/api/v1/jobs/job_00000000000000000000000000", "", other);
  CHECK(theirs.status == 404);
  CHECK(json::parse(theirs.body)["error"] == json::parse(nobodys.body)["error"]);
  CHECK(d.send("DELETE", "/api/v1/jobs/" + id, "", other).status == 404);
  CHECK(d.w.state(id) == job_state::queued);
}

TEST_CASE("while the database is away a submit is 503 with Retry-After") {
  desk d;
  auto key = d.bearer();
  d.w.faults.writes_away = true;
  auto body = R"({"type":"noop","name":"n","params":{}})";
  auto r = d.send("POST", "/api/v1/jobs", body, key);
  CHECK(r.status == 503);
  CHECK_FALSE(header_of(r, "Retry-After").empty());
  d.w.faults.writes_away = false;
  CHECK(d.send("POST", "/api/v1/jobs", body, key).status == 202);
}

TEST_CASE("a token of ours is a credential, a key in the wrong place is not") {
  desk d;
  http_request r;
  r.authorization = "Bearer " + d.e.keys->issue({"user_1", "ses_9", "", "", "user", ""}, 300, d.w.wall);
  CHECK(std::get<std::string>(credential_of(d.e, r)) == "jwt:ses_9");
  r.authorization = {};
  r.api_key = "fsk_abc";
  CHECK(std::get<std::string>(credential_of(d.e, r)) == "key:" + sha256_hex("fsk_abc"));
  r.api_key = "abc";
  CHECK(std::holds_alternative<failure>(credential_of(d.e, r)));
  r.api_key = "fsk_" + std::string(1'048'576, 'x');
  CHECK(std::holds_alternative<failure>(credential_of(d.e, r)));
  r.api_key = "fsk_good";
  r.authorization = "Bearer bad";  // a bad credential is never skipped for another
  CHECK(std::holds_alternative<failure>(credential_of(d.e, r)));
}

TEST_CASE("rows of the table are unique and each says what it does") {
  std::set<std::string> seen;
  for (auto& row : routes()) {
    CHECK(seen.insert(std::string{row.verb} + ' ' + std::string{row.path}).second);
    CHECK_FALSE(row.doc.empty());
    CHECK(row.run);
  }
}
