// What every engine must do about rules of keys, other secrets, nonces, and what is counted of requests.
#pragma once

#include "model/identity.hpp"
#include "persistence/identity_reader.hpp"
#include "tests/persistence/conformance_people.hpp"

namespace troupe::lives {

inline change steps_of(std::vector<identity_step> steps) {
  change c;
  c.identity = std::make_shared<const identity_change>(identity_change{std::move(steps)});
  return c;
}

inline change key_with(const std::string& id, const std::string& hash, credential_rules rules = {},
                       time_ms created_ms = 1) {
  auto c = steps_of({key_rules_put{id, std::move(rules)}});
  c.api_key = api_key_row{id, "u1", hash, "fsk_", "main", created_ms, 0, 0};
  return c;
}

TEST_CASE_TEMPLATE("what was counted of a user is read as it was written last", E, STORE_ENGINES) {
  desk<E> d;
  CHECK(d.r->identity().counts("u1") == rate_counts{});
  rate_counts x{{begin_ms, 7}, {begin_ms - 5, 8}, {1, 1LL << 40}, {{"key_1", {begin_ms, 3}}, {"key_2", {2, 1}}}};
  d.must(steps_of({rate_counts_put{"u1", x}, rate_counts_put{"u2", {}}}));
  CHECK(d.r->identity().counts("u1") == x);
  x.minute.count = 8;
  x.keys.clear();
  d.must(steps_of({rate_counts_put{"u1", x}}));
  CHECK(d.r->identity().counts("u1") == x);
}

TEST_CASE_TEMPLATE("a key is listed with its rules, the newest first, and each credential carries them", E,
                   STORE_ENGINES) {
  desk<E> d;
  d.must(user_of("u1", "ann@example.org", "ann"));
  credential_rules rules{{"read", "write"}, {"llama"}, {"10.0.0.0/8", "::1"}, 7, true};
  d.must(key_with("k1", "hash1", rules));
  auto second = key_with("k2", "hash2", {}, 2);
  second.spend_limits = {{"key:k2", "day", asset::dgpu, one}, {"key:k2", "total", asset::dgpu, 3 * one}};
  d.must(second);
  auto found = d.r->find_api_key("hash1");
  REQUIRE(found);
  REQUIRE(found->rules);
  CHECK(*found->rules == rules);
  CHECK_FALSE(d.r->find_api_key("hash2")->rules);
  auto keys = d.r->identity().keys("u1", 10, begin_ms);
  REQUIRE(keys.size() == 2);
  CHECK(keys[0].row.id == "k2");
  REQUIRE(keys[0].limits.size() == 2);
  CHECK(keys[0].limits[1].first.limit == 3 * one);
  CHECK(keys[0].limits[1].second == 0);
  CHECK(keys[1].rules == rules);
  CHECK(d.r->identity().keys("u1", 1, begin_ms).size() == 1);
  d.must(steps_of({key_used{"k1", 50}}));
  d.must(steps_of({key_used{"k1", 40}}));
  CHECK(d.r->identity().key("k1", begin_ms)->used_ms == 50);
  CHECK_FALSE(d.r->identity().key("k3", begin_ms));
}

TEST_CASE_TEMPLATE("a rotated key is found by both secrets, the old one until its end: a revoked one by none", E,
                   STORE_ENGINES) {
  desk<E> d;
  d.must(user_of("u1", "ann@example.org", "ann"));
  d.must(key_with("k1", "hash1", {{"read"}, {}, {}, 0, false}));
  d.must(steps_of({key_rotate{"k1", "hash2", "fsk_new", 10, 500}}));
  auto old = d.r->find_api_key("hash1"), fresh = d.r->find_api_key("hash2");
  REQUIRE(old);
  REQUIRE(fresh);
  CHECK(old->expires_ms == 500);
  CHECK(old->credential_id == "k1");
  CHECK(old->rules->scopes == std::vector<std::string>{"read"});
  CHECK(fresh->expires_ms == 0);
  CHECK(d.r->identity().key("k1", begin_ms)->row.prefix == "fsk_new");
  d.must(steps_of({key_rotate{"k1", "hash3", "fsk_3", 600, 700}}));  // what has ended is dropped
  CHECK_FALSE(d.r->find_api_key("hash1"));
  CHECK(d.r->find_api_key("hash2")->expires_ms == 700);
  d.must(steps_of({key_revoke{"k1", 650}}));
  d.must(steps_of({key_revoke{"k1", 660}}));
  for (auto hash : {"hash2", "hash3"}) CHECK(d.r->find_api_key(hash)->revoked_ms == 650);
  d.refused(steps_of({key_rotate{"k1", "hash4", "fsk_4", 660, 700}}), errc::conflict);
  d.refused(steps_of({key_rotate{"k9", "hash4", "fsk_4", 660, 700}}), errc::conflict);
  d.refused(steps_of({key_revoke{"k9", 1}}), errc::not_found);
}

TEST_CASE_TEMPLATE("a nonce of a credential counts once, until its end", E, STORE_ENGINES) {
  desk<E> d;
  d.must(steps_of({nonce_use{"key:a", "n1", 100, 200}}));
  d.refused(steps_of({nonce_use{"key:a", "n1", 150, 250}}), errc::conflict);
  d.refused(steps_of({rate_counts_put{"u1", {{1, 1}, {}, {}, {}}}, nonce_use{"key:a", "n1", 150, 250}}),
            errc::conflict);
  d.must(steps_of({nonce_use{"key:b", "n1", 150, 250}}));
  d.must(steps_of({nonce_use{"key:a", "n2", 201, 300}}));  // and forgets what has ended
  d.must(steps_of({nonce_use{"key:a", "n1", 202, 302}}));
  d.w->begin();
  CHECK(d.w->apply(steps_of({nonce_use{"key:c", "n1", 1, 999}}), begin_ms).why == errc::ok);
  CHECK(d.w->apply(steps_of({nonce_use{"key:c", "n1", 1, 999}}), begin_ms).why == errc::conflict);  // of one group
  d.w->commit();
}

}  // namespace troupe::lives
