// What every engine must do about the audit trail, and about people as an admin sees them.
#pragma once

#include "model/audit.hpp"
#include "model/identity.hpp"
#include "persistence/audit_reader.hpp"
#include "persistence/beside.hpp"
#include "persistence/people_reader.hpp"
#include "persistence/sql.hpp"
#include "tests/persistence/conformance_people.hpp"

namespace troupe::lives {

inline change told(change c, const std::string& action, const std::string& subject = "s",
                   const std::string& by = "ann") {
  c.audit = std::make_shared<const audit_entry>(
      audit_entry{by, "key_1", action, subject, "ok", "10.0.0.1", "r1", "{\"a\":1}"});
  return c;
}

inline change patch_of(user_patch p) {
  change c;
  c.identity = std::make_shared<const identity_change>(identity_change{{std::move(p)}});
  return c;
}

inline user_patch suspend(const std::string& id) {
  user_patch p;
  p.user_id = id;
  p.status = "suspended";
  p.at_ms = 77;
  return p;
}

template <class E>
void drop_guards(desk<E>& d) {
  for (auto name : {"audit_log_kept", "audit_log_unchanged"})
    d.engine.edit(d.db->open_snapshot()->kind() == sql::engine::postgres
                      ? "DROP TRIGGER IF EXISTS " + std::string{name} + " ON audit_log"
                      : "DROP TRIGGER " + std::string{name});
}

TEST_CASE_TEMPLATE("a line is there when its change is, and not when it is refused", E, STORE_ENGINES) {
  desk<E> d;
  d.must(told(user_of("u1", "ann@example.org", ""), "user.register", "u1"));
  d.refused(told(user_of("u1", "ann@example.org", ""), "user.register", "u1"), errc::conflict);
  d.must(grant("t1", wallet_of("ann"), one));  // nobody tells of it
  d.must(told(grant("t2", wallet_of("ann"), one), "credits.grant", "ann"));
  auto lines = d.r->audit().list({});
  REQUIRE(lines.size() == 2);
  CHECK(lines[0].seq == 2);
  CHECK(lines[0].what.action == "credits.grant");
  auto& x = lines[1];
  CHECK(x.at_ms == begin_ms);
  CHECK(x.what.actor == "ann");
  CHECK(x.what.credential == "key_1");
  CHECK(x.what.subject == "u1");
  CHECK(x.what.outcome == "ok");
  CHECK(x.what.ip == "10.0.0.1");
  CHECK(x.what.request_id == "r1");
  CHECK(x.what.detail == "{\"a\":1}");
  CHECK(verify_audit(*d.db).breaches.empty());
}

TEST_CASE_TEMPLATE("lines of one group follow one another, and a group that was lost leaves none", E, STORE_ENGINES) {
  desk<E> d;
  d.w->begin();
  for (int i = 0; i < 5; ++i) d.w->apply(told({}, "a" + std::to_string(i)), begin_ms + i);
  d.w->commit();
  d.w->begin();
  d.w->apply(told({}, "lost"), begin_ms);
  d.w->rollback();
  d.must(told({}, "a5"));
  auto found = verify_audit(*d.db);
  CHECK(found.lines == 6);
  CHECK(found.breaches.empty());
  CHECK(d.r->audit().list({}).at(0).what.action == "a5");
}

TEST_CASE_TEMPLATE("the trail is filtered and paged", E, STORE_ENGINES) {
  desk<E> d;
  for (int i = 0; i < 10; ++i) {
    d.w->begin();
    d.w->apply(told({}, i % 2 ? "odd" : "even", "s" + std::to_string(i % 3), i % 5 ? "ann" : "bob"), 1000 + i);
    d.w->commit();
  }
  auto seqs = [&](audit_filter f) {
    std::vector<int64_t> found;
    for (auto& x : d.r->audit().list(f)) found.push_back(x.seq);
    return found;
  };
  using numbers = std::vector<int64_t>;
  audit_filter f;
  f.action = "odd";
  CHECK(seqs(f) == numbers{10, 8, 6, 4, 2});
  f.actor = "bob";
  CHECK(seqs(f) == numbers{6});
  f = {};
  f.subject = "s1";
  f.limit = 2;
  CHECK(seqs(f) == numbers{8, 5});
  f.before = 5;
  CHECK(seqs(f) == numbers{2});
  f = {};
  f.from_ms = 1002;
  f.to_ms = 1004;
  CHECK(seqs(f) == numbers{4, 3});
  f = {};
  f.after = 7;
  f.oldest_first = true;
  CHECK(seqs(f) == numbers{8, 9, 10});
  f = {};
  f.outcome = "forbidden";
  CHECK(seqs(f).empty());
}

TEST_CASE_TEMPLATE("the database refuses to change or to remove a line", E, STORE_ENGINES) {
  desk<E> d;
  d.must(told({}, "a"));
  CHECK_THROWS(d.engine.edit("UPDATE audit_log SET actor='x'"));
  CHECK_THROWS(d.engine.edit("DELETE FROM audit_log"));
  CHECK(verify_audit(*d.db).lines == 1);
}

TEST_CASE_TEMPLATE("who gets past that is found: an edit, a hole, a tail that is gone, a trail made anew", E,
                   STORE_ENGINES) {
  auto broken = [](const std::string& sql, const std::string& where) {
    desk<E> d;
    for (int i = 0; i < 5; ++i) d.must(told({}, "a" + std::to_string(i)));
    auto known = verify_audit(*d.db).last;
    drop_guards(d);
    d.engine.edit(sql);
    auto found = verify_audit(*d.db, known);
    INFO(sql);
    REQUIRE_FALSE(found.breaches.empty());
    CHECK(found.breaches[0].find(where) != std::string::npos);
    return verify_audit(*d.db).breaches.empty();
  };
  for (auto column : {"actor", "credential", "action", "subject", "outcome", "ip", "request_id", "detail", "hash"})
    CHECK_FALSE(broken("UPDATE audit_log SET " + std::string{column} + "='x' WHERE seq=3", "audit line 3"));
  CHECK_FALSE(broken("UPDATE audit_log SET at_ms=at_ms+1 WHERE seq=3", "audit line 3"));
  CHECK_FALSE(broken("DELETE FROM audit_log WHERE seq=3", "audit line 4"));
  CHECK_FALSE(broken("DELETE FROM audit_log WHERE seq=5", "audit line 5"));
  CHECK_FALSE(broken("UPDATE audit_end SET seq=4", "audit line 5"));
  CHECK_FALSE(broken("DELETE FROM audit_end", "audit line 5"));
  // Only a line that was written down elsewhere shows it.
  CHECK(
      broken("DELETE FROM audit_log WHERE seq=5; UPDATE audit_end SET seq=4,"
             " hash=(SELECT hash FROM audit_log WHERE seq=4)",
             "was there before and is gone"));
}

TEST_CASE_TEMPLATE("a command beside a running server makes a user, and the trail goes on", E, STORE_ENGINES) {
  desk<E> d;
  d.must(told({}, "before"));
  CHECK(apply_beside(*d.db, told(user_of("u1", "ann@example.org", ""), "user.create", "u1"), 5).why == errc::ok);
  CHECK(apply_beside(*d.db, told(user_of("u2", "ann@example.org", ""), "user.create", "u2"), 5).why == errc::conflict);
  d.must(told({}, "after"));
  CHECK(d.r->find_user("u1"));
  auto found = verify_audit(*d.db);
  CHECK(found.lines == 3);
  CHECK(found.breaches.empty());
  CHECK_THROWS_AS(apply_beside(*d.db, grant("t1", wallet_of("ann"), one), 5), std::logic_error);
}

TEST_CASE_TEMPLATE("the last active admin stays one", E, STORE_ENGINES) {
  desk<E> d;
  for (auto id : {"u1", "u2"}) {
    auto c = user_of(id, std::string{id} + "@example.org", "");
    c.user->role = "admin";
    d.must(c);
  }
  auto user = user_patch{};
  user.user_id = "u2";
  user.role = "user";
  d.w->begin();  // both at once: the second is refused
  CHECK(d.w->apply(patch_of(suspend("u1")), begin_ms).why == errc::ok);
  CHECK(d.w->apply(patch_of(user), begin_ms).why == errc::conflict);
  d.w->commit();
  d.refused(patch_of(suspend("u2")), errc::conflict);
  auto back = suspend("u1");
  back.status = "active";
  d.must(patch_of(back));
  d.must(patch_of(user));
  d.refused(patch_of(suspend("nobody")), errc::not_found);
}

TEST_CASE_TEMPLATE("people are listed, counted and found with their keys", E, STORE_ENGINES) {
  desk<E> d;
  for (int i = 1; i <= 4; ++i) {
    auto n = std::to_string(i);
    auto c = user_of("u" + n, "Ann" + n + "@example.org", i == 4 ? "od_d%" : "");
    c.user->role = i == 1 ? "user" : "provider";
    c.user->created_ms = i;
    c.api_key = api_key_row{"key_" + n, "u" + n, "hash" + n, "fsk_" + n, "default", i, 0, 0};
    d.must(c);
  }
  auto revoked = api_key_row{"key_2", "u2", "hash2", "fsk_2", "default", 2, 0, 9};
  change r;
  r.api_key = revoked;
  d.must(r);
  d.must(patch_of(suspend("u3")));
  auto ids = [&](user_filter f) {
    std::string found;
    for (auto& u : d.r->people().list(f)) found += u.row.id;
    CHECK(d.r->people().count(f) >= static_cast<int64_t>(found.size() / 2));
    return found;
  };
  user_filter f;
  CHECK(ids(f) == "u4u3u2u1");
  f.limit = 2;
  f.before_id = "u4";
  CHECK(ids(f) == "u3u2");
  CHECK(d.r->people().count(f) == 4);
  f = {};
  f.email = "ANN2@";
  CHECK(ids(f) == "u2");
  f.email = "d_d%";
  CHECK(ids(f) == "u4");
  f.email = "n_@";
  CHECK(ids(f).empty());
  f = {};
  f.role = "provider";
  f.status = "active";
  f.from_ms = 2;
  f.to_ms = 4;
  CHECK(ids(f) == "u2");
  auto u3 = d.r->people().find("u3");
  REQUIRE(u3);
  CHECK(u3->status == "suspended");
  CHECK(u3->status_ms == 77);
  CHECK(u3->keys == 1);
  CHECK(d.r->people().find("u2")->keys == 0);
  CHECK(d.r->people().keys("u2").at(0).revoked_ms == 9);
  CHECK(d.r->people().find_key("key_2")->user_id == "u2");
  CHECK_FALSE(d.r->people().find_key("key_9"));
  auto counts = d.r->people().counts();
  CHECK(counts.all == 4);
  CHECK(counts.suspended == 1);
  CHECK(counts.by_role["provider"] == 3);
  CHECK(d.r->people().registered_since(3) == 2);
}

TEST_CASE_TEMPLATE("the node keys of a suspended provider end for the doors", E, STORE_ENGINES) {
  desk<E> d;
  d.must(user_of("u1", "ann@example.org", ""));
  change c;
  c.node_key = node_key_row{"nkey_1", "v", "u1", "k", 1, 0, 0};
  d.must(c);
  CHECK(d.r->nodes().ended_keys(0, 100).empty());
  d.must(patch_of(suspend("u1")));  // at 77
  CHECK(d.r->nodes().ended_keys(0, 100) == std::vector<std::string>{"nkey_1"});
  CHECK(d.r->nodes().ended_keys(77, 100).empty());
}

}  // namespace troupe::lives
