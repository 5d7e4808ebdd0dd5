// What every engine must do about users, credentials and nodes.
#pragma once

#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline change user_of(const std::string& id, const std::string& email, const std::string& name) {
  change c;
  c.user = user_row{id, email, name, "ACME", "argon2", "provider", "pro", 5};
  return c;
}

TEST_CASE_TEMPLATE("a user is found by id, e-mail and name in any case", E, STORE_ENGINES) {
  desk<E> d;
  d.must(user_of("u1", "Ann@Example.org", "AnnB"));
  for (const auto& login : {"ann@example.org", "ANN@EXAMPLE.ORG", "annb", "ANNB"}) {
    auto u = d.r->find_user_by_login(login);
    REQUIRE(u);
    CHECK(u->id == "u1");
  }
  auto u = d.r->find_user("u1");
  REQUIRE(u);
  CHECK(u->email == "ann@example.org");
  CHECK(u->username == "annb");
  CHECK(u->organization == "ACME");
  CHECK(u->password_hash == "argon2");
  CHECK(u->role == "provider");
  CHECK(u->tier == "pro");
  CHECK(u->created_ms == 5);
  CHECK_FALSE(d.r->find_user("u2"));
  CHECK_FALSE(d.r->find_user_by_login(""));
}

TEST_CASE_TEMPLATE("nobody registers twice", E, STORE_ENGINES) {
  desk<E> d;
  d.must(user_of("u1", "ann@example.org", "ann"));
  CHECK(d.refused(user_of("u2", "ANN@example.org", "other"), errc::conflict).detail == "already registered");
  d.refused(user_of("u2", "other@example.org", "ANN"), errc::conflict);
  d.refused(user_of("u1", "other@example.org", "other"), errc::conflict);
  d.must(user_of("u2", "other@example.org", ""));
  d.must(user_of("u3", "third@example.org", ""));
}

TEST_CASE_TEMPLATE("a tier is set on users that exist", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.tier = tier_update{"u1", "unlimited"};
  d.refused(c, errc::not_found);
  d.must(user_of("u1", "ann@example.org", "ann"));
  d.must(c);
  CHECK(d.r->find_user("u1")->tier == "unlimited");
}

TEST_CASE_TEMPLATE("an API key is found by its hash and says when it was revoked", E, STORE_ENGINES) {
  desk<E> d;
  auto c = user_of("u1", "ann@example.org", "ann");
  c.api_key = api_key_row{"k1", "u1", "hash1", "tr_", "main", 1, 2, 0};
  d.must(c);
  auto found = d.r->find_api_key("hash1");
  REQUIRE(found);
  CHECK(found->user.id == "u1");
  CHECK(found->credential_id == "k1");
  CHECK(found->expires_ms == 2);
  CHECK(found->revoked_ms == 0);
  c.user.reset();
  c.api_key->revoked_ms = 9;
  d.must(c);
  CHECK(d.r->find_api_key("hash1")->revoked_ms == 9);
  c.api_key->id = "k2";
  d.refused(c, errc::conflict);
  CHECK_FALSE(d.r->find_api_key("hash2"));
}

TEST_CASE_TEMPLATE("a session and a node key are kept", E, STORE_ENGINES) {
  desk<E> d;
  auto c = user_of("u1", "ann@example.org", "ann");
  c.session = session_row{"s1", "u1", 1, 2, 0};
  c.node_key = node_key_row{"nk", "verifier", "u1", "rack", 3, 0, 0};
  d.must(c);
  CHECK(d.r->find_session("s1")->user.email == "ann@example.org");
  CHECK_FALSE(d.r->find_session("s2"));
  CHECK(d.r->find_node_key("nk")->name == "rack");
  CHECK_FALSE(d.r->find_node_key("other"));
  c.user.reset();
  c.session->revoked_ms = 7;
  d.must(c);  // the node key is the same: nothing to say
  CHECK(d.r->find_session("s1")->revoked_ms == 7);
  c.node_key->user_id = "u2";
  d.refused(c, errc::conflict);
}

TEST_CASE_TEMPLATE("a node key ends when it was told to, or earlier, never later", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.node_key = node_key_row{"nk", "verifier", "u1", "rack", 3, 0, 0};
  d.must(c);
  CHECK(d.r->nodes().ended_keys(0, 1'000).empty());
  c.node_key->ends_ms = 500;
  d.must(c);
  CHECK(d.r->find_node_key("nk")->ends_ms == 500);
  CHECK(d.r->nodes().ended_keys(0, 499).empty());
  CHECK(d.r->nodes().ended_keys(0, 500) == std::vector<std::string>{"nk"});
  CHECK(d.r->nodes().ended_keys(500, 900).empty());
  c.node_key->ends_ms = c.node_key->revoked_ms = 600;
  d.must(c);
  CHECK(d.r->find_node_key("nk")->ends_ms == 500);
  CHECK(d.r->find_node_key("nk")->revoked_ms == 0);
  c.node_key->ends_ms = c.node_key->revoked_ms = 400;
  d.must(c);
  CHECK(d.r->find_node_key("nk")->revoked_ms == 400);
  c.node_key->ends_ms = 0;
  d.must(c);
  CHECK(d.r->find_node_key("nk")->ends_ms == 400);
  c.node_key = node_key_row{"nk2", "verifier2", "u2", "rack", 4, 0, 0};
  d.must(c);
  CHECK(d.r->nodes().node_keys("u1").size() == 1);
  CHECK(d.r->nodes().node_keys("").size() == 2);
}

TEST_CASE_TEMPLATE("each join of a node is a new session, and only the newest may speak", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.node = node_row{"n1", "rack-1", "u1", "eu", "online", 0, "pid-1", 50, 4, one, "h100:81920,2", "a=b", "llama", 1, 2};
  c.node->devices = {{"h100", 81920, 3, "GPU-1", "550", 700}, {}};
  CHECK(d.must(c).session_epoch == 1);
  CHECK(d.must(c).session_epoch == 2);
  c.node->instance = "pid-2";
  c.node->registered_ms = 99;
  CHECK(d.must(c).session_epoch == 3);
  auto n = d.r->list_nodes();
  REQUIRE(n.size() == 1);
  CHECK(n[0].session_epoch == 3);
  CHECK(n[0].instance == "pid-2");
  CHECK(n[0].registered_ms == 1);
  CHECK(n[0].gpus == "h100:81920,2");
  REQUIRE(n[0].devices.size() == 2);
  CHECK(n[0].devices[0].uuid == "GPU-1");
  CHECK(n[0].devices[0].power_w == 700);
  CHECK(n[0].rate == one);
  c.node->session_epoch = 2;
  c.node->state = "offline";
  d.refused(c, errc::stale);
  c.node->session_epoch = 3;
  c.node->lease_until_ms = 70;
  c.node->seen_ms = 60;
  c.node->name = "not looked at";
  c.node->metrics = {1'500, 2, 3, {{50, 1'000, 300, 61}, {}}};
  CHECK(d.must(c).session_epoch == 3);
  n = d.r->list_nodes();
  CHECK(n[0].state == "offline");
  CHECK(n[0].lease_until_ms == 70);
  CHECK(n[0].seen_ms == 60);
  CHECK(n[0].metrics == c.node->metrics);
  CHECK(n[0].name == "rack-1");
  c.node->id = "unknown";
  d.refused(c, errc::stale);
}

}  // namespace troupe::lives
