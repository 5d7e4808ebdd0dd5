// What every engine must do about webhooks: where they begin, how they move on, and what is remembered.
#pragma once

#include "model/webhook.hpp"
#include "persistence/identity_reader.hpp"
#include "tests/persistence/conformance_sign_in.hpp"

namespace troupe::lives {

inline webhook webhook_row(const std::string& id, const std::string& user = "u1") {
  webhook w;
  w.id = id;
  w.user_id = user;
  w.url = "sealed url";
  w.secret = "sealed";
  w.events = {"job.completed", "job.failed"};
  w.created_ms = noon;
  return w;
}
template <class Step>
change webhook_of(const Step& x) {
  return identity_of(webhook_step{x});
}
inline change progress_of(const std::string& user, int count = 1) {
  change c;
  for (int i = 0; i < count; ++i) c.events.push_back({0, user, "", "progress"});
  return c;
}
inline event_row told_event(int64_t seq) {
  event_row e;
  e.seq = seq;
  e.kind = "completed";
  return e;
}
template <class Desk>
webhook found(Desk& d, const std::string& id) {
  auto w = d.r->identity().webhooks().find(id);
  REQUIRE(w);
  return *w;
}
template <class Desk>
std::vector<std::string> due_ids(Desk& d, time_ms now_ms = noon, const std::string& after = {}, int32_t limit = 9) {
  std::vector<std::string> ids;
  for (auto& x : d.r->identity().webhooks().due(now_ms, after, limit)) ids.push_back(x.id);
  return ids;
}
using ids = std::vector<std::string>;

TEST_CASE_TEMPLATE("a webhook begins at the end of its user's events, and so many are enough", E, STORE_ENGINES) {
  desk<E> d;
  d.must(progress_of("u1", 3));
  d.must(progress_of("u2"));
  d.must(webhook_of(webhook_add{webhook_row("w1"), 2}));
  auto w = found(d, "w1");
  CHECK(w.told_seq == 3);
  CHECK(w.user_id == "u1");
  CHECK(w.url == "sealed url");
  CHECK(w.events == ids{"job.completed", "job.failed"});
  CHECK(w.active);
  d.must(webhook_of(webhook_add{webhook_row("w2"), 2}));
  d.refused(webhook_of(webhook_add{webhook_row("w3"), 2}), errc::conflict);
  d.must(webhook_of(webhook_add{webhook_row("w4", "u3"), 2}));
  CHECK(found(d, "w4").told_seq == 0);
  CHECK(d.r->identity().webhooks().list("u1").size() == 2);
  CHECK_FALSE(d.r->identity().webhooks().find("w3"));
}

TEST_CASE_TEMPLATE("those with events behind their place are due, unless they wait, or they or their user are off", E,
                   STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  d.must(user_of("u2", "bob@example.org", "bob"));
  for (auto id : {"w1", "w2", "w3"}) d.must(webhook_of(webhook_add{webhook_row(id), 9}));
  d.must(webhook_of(webhook_add{webhook_row("w4", "u2"), 9}));
  CHECK(due_ids(d).empty());
  d.must(progress_of("u1"));
  CHECK(due_ids(d) == ids{"w1", "w2", "w3"});
  CHECK(due_ids(d, noon, "w1") == ids{"w2", "w3"});
  CHECK(due_ids(d, noon, {}, 2) == ids{"w1", "w2"});
  d.must(identity_of(user_patch{"u1", "suspended", {}, {}, {}, noon}));
  CHECK(due_ids(d).empty());
  d.must(identity_of(user_patch{"u1", "active", {}, {}, {}, noon}));
  d.must(webhook_of(skip_to(found(d, "w2"), 1)));
  CHECK(due_ids(d) == ids{"w1", "w3"});
  d.must(webhook_of(after_attempt(found(d, "w1"), told_event(1), 500, "answered 500", {1'000}, noon)));
  CHECK(due_ids(d, noon + 999) == ids{"w3"});
  CHECK(due_ids(d, noon + 1'000) == ids{"w1", "w3"});
  d.must(webhook_of(webhook_set{"w3", "u1", "sealed url", {"*"}, false}));
  CHECK(due_ids(d, noon).empty());
}

TEST_CASE_TEMPLATE("a webhook moves on once from each place", E, STORE_ENGINES) {
  desk<E> d;
  d.must(webhook_of(webhook_add{webhook_row("w1"), 9}));
  d.must(progress_of("u1", 2));
  auto before = found(d, "w1");
  auto failed = after_attempt(before, told_event(1), 500, "answered 500", {1'000}, noon);
  auto accepted = after_attempt(before, told_event(1), 200, "", {1'000}, noon);
  d.must(webhook_of(failed));
  d.refused(webhook_of(failed), errc::stale);
  d.refused(webhook_of(accepted), errc::stale);
  CHECK(found(d, "w1").attempts == 1);
  CHECK(found(d, "w1").told_seq == 0);
  d.must(webhook_of(after_attempt(found(d, "w1"), told_event(1), 200, "", {1'000}, noon + 5)));
  CHECK(found(d, "w1").told_seq == 1);
  CHECK(found(d, "w1").attempts == 0);
  auto told = d.r->identity().webhooks().deliveries("w1");
  REQUIRE(told.size() == 1);
  CHECK(told[0].seq == 1);
  CHECK(told[0].event == "job.completed");
  CHECK(told[0].state == "delivered");
  CHECK(told[0].attempts == 2);
  CHECK(told[0].status == 200);
  CHECK(told[0].trouble.empty());
  CHECK(told[0].first_ms == noon);
  CHECK(told[0].last_ms == noon + 5);
  d.refused(webhook_of(skip_to(before, 2)), errc::stale);
  auto off = found(d, "w1");
  d.must(webhook_of(webhook_set{"w1", "u1", "sealed url", {"*"}, false}));
  d.refused(webhook_of(skip_to(off, 2)), errc::stale);
}

TEST_CASE_TEMPLATE("a webhook that is switched on again begins at the end, and its failures are forgotten", E,
                   STORE_ENGINES) {
  desk<E> d;
  add_user(d);
  d.must(webhook_of(webhook_add{webhook_row("w1"), 9}));
  d.must(progress_of("u1", 3));
  auto w = found(d, "w1");
  w.attempts = 0;
  auto last = after_attempt(w, told_event(1), 500, "answered 500", {}, noon);
  last.given_up = webhook_given_up_max;
  last.active = false;
  d.must(webhook_of(last));
  CHECK_FALSE(found(d, "w1").active);
  webhook_set on{"w1", "u1", "another", {"*"}, true};
  d.must(webhook_of(on));
  CHECK(found(d, "w1").told_seq == 3);
  CHECK(found(d, "w1").given_up == 0);
  CHECK(found(d, "w1").url == "another");
  CHECK(found(d, "w1").events == ids{"*"});
  d.must(progress_of("u1"));
  d.must(webhook_of(after_attempt(found(d, "w1"), told_event(4), 500, "answered 500", {9'000}, noon)));
  d.must(webhook_of(on));  // it was on: its place stays, its wait ends
  CHECK(found(d, "w1").told_seq == 3);
  CHECK(found(d, "w1").attempts == 0);
  CHECK(due_ids(d) == ids{"w1"});
}

TEST_CASE_TEMPLATE("a webhook is changed by its user only, and a secret from the one that was read", E, STORE_ENGINES) {
  desk<E> d;
  d.must(webhook_of(webhook_add{webhook_row("w1"), 9}));
  d.refused(webhook_of(webhook_set{"w1", "u2", "x", {"*"}, true}), errc::not_found);
  d.refused(webhook_of(webhook_remove{"w1", "u2"}), errc::not_found);
  d.refused(webhook_of(webhook_rotate{"w1", "u2", "sealed", "new", "old", noon}), errc::stale);
  d.refused(webhook_of(webhook_rotate{"w1", "u1", "other", "new", "old", noon}), errc::stale);
  webhook_rotate x{"w1", "u1", "sealed", "new", "old", noon};
  d.must(webhook_of(x));
  d.refused(webhook_of(x), errc::stale);
  CHECK(found(d, "w1").secret == "new");
  CHECK(found(d, "w1").old_secret == "old");
  CHECK(found(d, "w1").old_ends_ms == noon);
  d.must(webhook_of(after_attempt(found(d, "w1"), told_event(1), 200, "", {}, noon)));
  d.must(webhook_of(webhook_remove{"w1", "u1"}));
  CHECK_FALSE(d.r->identity().webhooks().find("w1"));
  CHECK(d.r->identity().webhooks().deliveries("w1").empty());
  d.refused(webhook_of(webhook_remove{"w1", "u1"}), errc::not_found);
}

TEST_CASE_TEMPLATE("the newest hundred deliveries of each webhook are remembered", E, STORE_ENGINES) {
  desk<E> d;
  for (auto id : {"w1", "w2"}) d.must(webhook_of(webhook_add{webhook_row(id), 9}));
  auto tell = [&](const std::string& id, int64_t seq) {
    d.must(webhook_of(after_attempt(found(d, id), told_event(seq), 200, "", {}, noon)));
  };
  tell("w2", 1);
  for (int64_t seq = 1; seq <= 103; ++seq) tell("w1", seq);
  auto told = d.r->identity().webhooks().deliveries("w1");
  REQUIRE(told.size() == webhook_deliveries_kept);
  CHECK(told.front().seq == 103);
  CHECK(told.back().seq == 4);
  CHECK(d.r->identity().webhooks().deliveries("w2").size() == 1);
}

}  // namespace troupe::lives
