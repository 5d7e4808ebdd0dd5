// What every engine must do about sessions, refresh tokens, passwords, profiles and signing keys.
#pragma once

#include "model/identity.hpp"
#include "persistence/identity_reader.hpp"
#include "tests/persistence/desk.hpp"

namespace troupe::lives {

/// Ann, with sessions of her own.
template <class E>
struct people_desk : desk<E> {
  people_desk() {
    add("u1", "ann@example.org", "ann");
    add("u2", "bob@example.org", "bob");
  }
  void add(const std::string& id, const std::string& email, const std::string& name) {
    change c;
    c.user = user_row{id, email, name, "ACME", "old hash", "user", "free", 5};
    this->must(c);
  }
  static change open_of(const std::string& id, const std::string& user = "u1", time_ms now = 10) {
    return change_of(session_open{session_row{id, user, now, now + 1'000, 0}, "family " + id, "first " + id});
  }
  static change refresh_of(const std::string& id, const std::string& from, const std::string& to, time_ms now = 20) {
    return change_of(session_refresh{"family " + id, from, to, now, now + 1'000});
  }
  session_reader& look() { return this->r->identity().sessions(); }
  std::vector<std::string> living(const std::string& user = "u1", time_ms now = 20) {
    std::vector<std::string> ids;
    for (auto& s : look().sessions(user, now)) ids.push_back(s.row.id);
    return ids;
  }
};
using strings = std::vector<std::string>;

TEST_CASE_TEMPLATE("a session is opened with what is known of it, and lives until its time", E, STORE_ENGINES) {
  people_desk<E> d;
  session_open x{session_row{"s1", "u1", 10, 1'010, 0}, "f", "h", {"read", "write"}, "laptop", "::1", "curl", true};
  d.must(change_of(x));
  auto s = d.look().sessions("u1", 1'009).at(0);
  CHECK(s.row.expires_ms == 1'010);
  CHECK(s.scopes == strings{"read", "write"});
  CHECK(s.label == "laptop");
  CHECK(s.ip == "::1");
  CHECK(s.agent == "curl");
  CHECK(s.mfa);
  CHECK(s.refreshable);
  CHECK(d.look().sessions("u1", 1'010).empty());
  CHECK(d.look().sessions("u2", 20).empty());
  auto found = d.r->find_session("s1");
  REQUIRE(found);
  CHECK_FALSE(found->mfa);  // counts only while its user has a second factor
  REQUIRE(found->rules);
  CHECK(found->rules->scopes == strings{"read", "write"});
}

TEST_CASE_TEMPLATE("a suspended user opens no session and refreshes none", E, STORE_ENGINES) {
  people_desk<E> d;
  d.must(d.open_of("s1"));
  change c;
  c.identity = std::make_shared<identity_change>(identity_change{{user_patch{"u1", "suspended"}}});
  d.must(c);
  d.refused(d.open_of("s2"), errc::forbidden);
  d.refused(d.refresh_of("s1", "first s1", "second"), errc::unauthenticated);
  CHECK_FALSE(d.look().find_family("family s1", 20)->lives);
  d.refused(d.open_of("s3", "nobody"), errc::not_found);
}

TEST_CASE_TEMPLATE("a refresh token is good once, and an old one is known as such", E, STORE_ENGINES) {
  people_desk<E> d;
  d.must(d.open_of("s1"));
  d.must(d.refresh_of("s1", "first s1", "second"));
  d.refused(d.refresh_of("s1", "first s1", "third"), errc::conflict);
  d.must(d.refresh_of("s1", "second", "third"));
  d.refused(d.refresh_of("s1", "second", "fourth"), errc::conflict);
  d.refused(d.refresh_of("s2", "first s2", "second"), errc::unauthenticated);
  auto found = d.look().find_family("family s1", 20);
  REQUIRE(found);
  CHECK(found->session_id == "s1");
  CHECK(found->user.email == "ann@example.org");
  CHECK(found->lives);
  CHECK_FALSE(d.look().find_family("", 20));
}

TEST_CASE_TEMPLATE("of two uses of one refresh token in one group one wins", E, STORE_ENGINES) {
  people_desk<E> d;
  d.must(d.open_of("s1"));
  d.w->begin();
  CHECK(d.w->apply(d.refresh_of("s1", "first s1", "a"), begin_ms).why == errc::ok);
  CHECK(d.w->apply(d.refresh_of("s1", "first s1", "b"), begin_ms).why == errc::conflict);
  d.w->commit();
  d.must(d.refresh_of("s1", "a", "c"));
}

TEST_CASE_TEMPLATE("each refresh lets a session live on: an idle one ends", E, STORE_ENGINES) {
  people_desk<E> d;
  d.must(d.open_of("s1"));
  d.must(d.refresh_of("s1", "first s1", "second", 900));
  CHECK(d.living("u1", 1'899) == strings{"s1"});
  d.refused(d.refresh_of("s1", "second", "third", 1'900), errc::unauthenticated);
}

TEST_CASE_TEMPLATE("one session ends, or all, or all but one, and only those of their user", E, STORE_ENGINES) {
  people_desk<E> d;
  for (auto id : {"s1", "s2", "s3"}) d.must(d.open_of(id));
  d.must(d.open_of("b1", "u2"));
  d.must(change_of(session_end{"u2", "s1", "", 15}));
  CHECK(d.living() == strings{"s3", "s2", "s1"});
  d.must(change_of(session_end{"u1", "s1", "", 15}));
  CHECK(d.living() == strings{"s3", "s2"});
  d.refused(d.refresh_of("s1", "first s1", "second"), errc::unauthenticated);
  d.must(change_of(session_end{"u1", "s1", "", 17}));  // again: as it was
  CHECK(d.r->find_session("s1")->revoked_ms == 15);
  d.must(change_of(session_end{"u1", "", "s2", 16}));
  CHECK(d.living() == strings{"s2"});
  d.must(change_of(session_end{"u1", "", "", 16}));
  CHECK(d.living().empty());
  CHECK(d.living("u2") == strings{"b1"});
}

TEST_CASE_TEMPLATE("the newest hundred sessions of a user live, and long ended ones are forgotten", E, STORE_ENGINES) {
  people_desk<E> d;
  d.must(d.open_of("b1", "u2"));
  for (int i = 0; i < sessions_max + 5; ++i) d.must(d.open_of("s" + std::to_string(1'000 + i), "u1", 10 + i));
  auto ids = d.living("u1", 200);
  CHECK(ids.size() == sessions_max);
  CHECK(ids.front() == "s1104");
  CHECK(ids.back() == "s1005");
  CHECK(d.living("u2") == strings{"b1"});
  d.must(d.open_of("later", "u1", 8LL * 24 * 3600 * 1000));
  CHECK_FALSE(d.r->find_session("s1000"));
  CHECK_FALSE(d.r->find_session("s1104"));
}

TEST_CASE_TEMPLATE("a password is changed once, and ends all other sessions", E, STORE_ENGINES) {
  people_desk<E> d;
  for (auto id : {"s1", "s2"}) d.must(d.open_of(id));
  d.must(change_of(password_write{"u1", "old hash", "new hash", "s2", 15}));
  CHECK(d.r->find_user("u1")->password_hash == "new hash");
  CHECK(d.r->find_user("u2")->password_hash == "old hash");
  CHECK(d.living() == strings{"s2"});
  d.refused(change_of(password_write{"u1", "old hash", "third", "s2", 16}), errc::conflict);
  d.refused(change_of(password_write{"u3", "old hash", "third", "", 16}), errc::not_found);
}

TEST_CASE_TEMPLATE("of a profile what is set is written, and nobody takes another's place", E, STORE_ENGINES) {
  people_desk<E> d;
  d.must(change_of(profile_write{"u1", "Ann@New.org", {}, {}}));
  auto u = *d.r->find_user("u1");
  CHECK(u.email == "ann@new.org");
  CHECK(u.username == "ann");
  CHECK(u.organization == "ACME");
  d.must(change_of(profile_write{"u1", {}, "Anna", ""}));
  u = *d.r->find_user("u1");
  CHECK(u.username == "anna");
  CHECK(u.organization.empty());
  d.must(change_of(profile_write{"u1", "ann@new.org", "anna", {}}));  // one's own is not taken
  d.refused(change_of(profile_write{"u1", "BOB@example.org", {}, {}}), errc::conflict);
  d.refused(change_of(profile_write{"u1", {}, "Bob", {}}), errc::conflict);
  d.refused(change_of(profile_write{"u9", {}, "x", {}}), errc::not_found);
  d.refused(change_of(profile_write{"u1", "", "", {}}), errc::invalid);
  d.must(change_of(profile_write{"u1", "", {}, {}}));
  d.must(change_of(profile_write{"u2", "", {}, {}}));  // any number of users may have none
  CHECK_FALSE(d.r->find_user_by_login(""));
}

TEST_CASE_TEMPLATE("a signing key retires those before it, also the one that is no row", E, STORE_ENGINES) {
  people_desk<E> d;
  auto key = [](const std::string& kid, time_ms from) { return signing_key_row{kid, "me", "RS256", "pem", from, 0}; };
  d.must(change_of(signing_key_add{key("k1", 1), "", 0, true}));
  d.refused(change_of(signing_key_add{key("k2", 1), "", 0, true}), errc::conflict);
  d.must(change_of(signing_key_add{key("k2", 2), "own", 100, false}));
  d.must(change_of(signing_key_add{key("k3", 3), "own", 200, false}));
  auto keys = d.look().signing_keys("me");
  REQUIRE(keys.size() == 4);
  CHECK(keys[0].kid == "own");
  CHECK(keys[0].ends_ms == 100);  // never later than was said before
  CHECK(keys[1].ends_ms == 100);
  CHECK(keys[2].ends_ms == 200);
  CHECK(keys[3].kid == "k3");
  CHECK(keys[3].ends_ms == 0);
  CHECK(keys[3].secret == "pem");
  CHECK(d.look().signing_keys("another").empty());
}

}  // namespace troupe::lives
