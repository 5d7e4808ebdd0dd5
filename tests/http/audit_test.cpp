// What requests leave in the audit trail, and that refusals are bounded.
#include "http/audit.hpp"

#include <doctest/doctest.h>

#include "actors/admin_reads.hpp"
#include "model/identity.hpp"
#include "tests/support/route_desk.hpp"

using namespace troupe;

namespace {

struct desk : route_desk {
  http_reply send(std::string verb, const std::string& target, std::string body = {}, std::string authorization = {}) {
    return route_desk::send(request(std::move(verb), target, std::move(body), std::move(authorization)));
  }
  std::string bearer(const char* user = house_world::user) { return "Bearer " + w.new_key(user); }
  /// Oldest first.
  std::vector<audit_line> lines(audit_filter f = {}) {
    f.oldest_first = true;
    f.limit = 10'000;
    auto found = std::make_shared<std::vector<audit_line>>();
    w.must(w.actors().reader(), read_store{[=](store_reader& db) { *found = db.audit().list(f); }});
    return *found;
  }
  void refuse(std::string ip, int times) {
    for (int i = 0; i < times; ++i) {
      audit_entry x;
      x.action = "login";
      x.outcome = "unauthenticated";
      x.ip = ip;
      e.refusals.note(x);
    }
    w.run();
  }
};

}  // namespace

TEST_CASE("refusals are lines of their own until there are too many, then one a second counts them") {
  desk d;
  d.refuse("10.0.0.1", 20);
  CHECK(d.lines().size() == 20);
  d.refuse("10.0.0.2", 500);
  d.refuse("10.0.0.3", 7);
  CHECK(d.lines().size() == 20);
  d.w.pass(1'100);
  auto all = d.lines();
  REQUIRE(all.size() == 21);
  auto detail = json::parse(all.back().what.detail);
  CHECK(detail["times"] == 507);
  CHECK(detail["from"] == json{{"10.0.0.2", 500}, {"10.0.0.3", 7}});
  CHECK(all.back().what.action == "login");
  d.refuse("10.0.0.4", 3);  // two a second come back
  d.w.pass(1'100);
  all = d.lines();
  REQUIRE(all.size() == 24);
  CHECK(all[21].what.ip == "10.0.0.4");
  CHECK(json::parse(all.back().what.detail)["times"] == 1);
}

TEST_CASE("a flood from many places is still one line") {
  desk d;
  d.refuse("10.0.0.1", 20);
  for (int i = 0; i < 300; ++i) d.refuse("10.1.0." + std::to_string(i), 1);
  d.w.pass(1'100);
  auto all = d.lines();
  REQUIRE(all.size() == 21);
  auto detail = json::parse(all.back().what.detail);
  CHECK(detail["times"] == 300);
  CHECK(detail["from"].size() == 20);
}

TEST_CASE("a login that failed is told by where it came from, not by what was typed") {
  desk d;
  d.send("POST", "/auth/login", R"({"username":"hunter2","password":"wrong horse"})");
  d.send("POST", "/auth/login", R"({"email":"Ann@example.org","password":"wrong horse"})");
  auto all = d.lines();
  REQUIRE(all.size() == 2);
  CHECK(all[0].what.subject.starts_with("name:"));
  CHECK(all[1].what.subject == "Ann@example.org");
  CHECK(all[0].what.outcome == "unauthenticated");
  CHECK(all[0].what.ip == "192.0.2.1");
  CHECK(all[0].what.request_id == "req-1");
  CHECK(all[0].what.actor.empty());
}

TEST_CASE("a role that is missing is noted, a credential that is wrong is not") {
  desk d;
  auto user = d.bearer();
  CHECK(d.send("GET", "/api/admin/users", {}, user).status == 403);
  CHECK(d.send("POST", "/api/admin/credits/grant", "{}", user).status == 403);
  CHECK(d.send("GET", "/api/admin/users", {}, "Bearer fsk_wrong").status == 401);
  auto all = d.lines();
  REQUIRE(all.size() == 2);
  CHECK(all[0].what.action == "request");
  CHECK(all[0].what.subject == "GET /api/admin/users");
  CHECK(all[0].what.actor == house_world::user);
  CHECK(all[0].what.credential.starts_with("key_"));
  CHECK(all[1].what.action == "credits.grant");
  CHECK(all[1].what.outcome == "forbidden");
}

TEST_CASE("every route by which an admin changes something has a name in the trail") {
  for (auto& row : routes())
    if (row.needs == access::admin && row.verb != "GET") CHECK_MESSAGE(!row.act.empty(), row.path);
}

TEST_CASE("a suspended user is out with the next request, and in again with the one after") {
  desk d;
  auto user = d.bearer();
  user_patch admin;
  admin.user_id = house_world::provider;
  admin.role = "admin";
  change x;
  x.identity = std::make_shared<const identity_change>(identity_change{{admin}});
  d.w.commit(x);
  auto boss = d.bearer(house_world::provider);
  auto path = std::string{"/api/admin/users/"} + house_world::user;
  CHECK(d.send("GET", "/api/v1/auth/profile", {}, user).status == 200);
  CHECK(d.send("PUT", path, R"({"status":"suspended"})", boss).status == 200);
  CHECK(d.send("GET", "/api/v1/auth/profile", {}, user).status == 401);
  CHECK(d.send("PUT", path, R"({"status":"active"})", boss).status == 200);
  CHECK(d.send("GET", "/api/v1/auth/profile", {}, user).status == 200);
  auto own = std::string{"/api/admin/users/"} + house_world::provider;
  CHECK(d.send("PUT", own, R"({"status":"suspended"})", boss).status == 409);
  auto told = d.lines();
  REQUIRE(told.size() == 2);
  CHECK(json::parse(told[0].what.detail)["status"] == json{{"from", "active"}, {"to", "suspended"}});
}
