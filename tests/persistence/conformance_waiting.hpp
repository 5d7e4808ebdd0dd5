// What every engine must do about jobs that wait, live again, or are made by timetables.
#pragma once

#include "tests/persistence/desk.hpp"

namespace troupe::lives {

inline change child_of(int64_t n, const std::string& user, std::vector<std::string> parents) {
  auto c = life{n, user, false}.submit();
  c.submits->row.state = job_state::blocked;
  c.submits->spec.parents = std::move(parents);
  return c;
}

/// The step of a job as it stands in the store.
template <class Desk>
change step_of(Desk& d, const std::string& id, const any_job_input& in, time_ms now_ms = begin_ms + 5'000) {
  auto row = d.r->find_job(id)->row;
  auto s = advance(row, in, now_ms);
  REQUIRE(s.why == errc::ok);
  change c;
  c.moves = job_update{s.next, row.state == job_state::blocked, is_terminal(row.state)};
  if (s.settle) c.closes = hold_close{row.hold_id, id, {"bob", account_kind::earned, row.currency}, *s.settle};
  if (is_terminal(row.state)) c.opens = hold_open{s.next.hold_id, id, wallet_of(row.user_id), row.hold};
  return c;
}

/// Claimed, started, and ended as `how`.
inline std::vector<change> whole_run(life& l, run_outcome how) {
  run_report report;
  report.outcome = how;
  std::vector<change> all;
  all.push_back(l.claim("node_1", "bob"));
  all.push_back(l.start());
  all.push_back(l.finish(report));
  return all;
}

inline schedule nightly(const std::string& id) {
  schedule s;
  s.id = id;
  s.user_id = "ann";
  s.key_id = "key_1";
  s.name = "nightly";
  s.cron = "0 3 * * *";
  s.job = "{\"type\":\"noop\"}";
  s.overlap = overlap_rule::skip;
  s.catch_up = catch_up_rule::one;
  s.version = 1;
  s.start_ms = 1;
  s.end_ms = 2;
  s.next_ms = begin_ms;
  s.created_ms = s.changed_ms = begin_ms - 5;
  return s;
}

inline change write_of(schedule s, bool removes = false) {
  change c;
  c.schedules = schedule_write{std::move(s), removes};
  return c;
}

template <class Desk>
std::vector<std::string> ready(Desk& d) {
  std::vector<std::string> list;
  for (auto& x : d.r->waiting().ready_children(100)) list.push_back(x.id + ":" + x.failed_parent);
  return list;
}

using ids = std::vector<std::string>;

TEST_CASE_TEMPLATE("a child is ready when its last parent has succeeded, and the commit says so", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  life a{1, "ann", false}, b{2, "ann", false};
  d.must(a.submit());
  d.must(b.submit());
  CHECK_FALSE(d.w->woke_waiting());
  auto child = child_of(3, "ann", {id_of("job", 1), id_of("job", 2)});
  d.must(child);
  CHECK_FALSE(d.w->woke_waiting());
  CHECK(d.r->find_job(id_of("job", 3))->spec.parents == ids{id_of("job", 1), id_of("job", 2)});
  d.refused(step_of(d, id_of("job", 3), job_input::parents_done{}), errc::conflict);
  for (auto& c : whole_run(a, run_outcome::succeeded)) d.must(c);
  d.refused(step_of(d, id_of("job", 3), job_input::parents_done{}), errc::conflict);
  CHECK(ready(d).empty());
  for (auto& c : whole_run(b, run_outcome::succeeded)) d.must(c);
  CHECK(d.w->woke_waiting());
  CHECK(ready(d) == ids{id_of("job", 3) + ":"});
  d.must(step_of(d, id_of("job", 3), job_input::parents_done{}));
  CHECK(ready(d).empty());
  CHECK(d.r->find_job(id_of("job", 3))->row.state == job_state::queued);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("parents and children of one group know each other, whatever their order", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  life a{1, "ann", false}, b{2, "ann", false};
  d.must(b.submit());
  std::vector<change> group{a.submit(), child_of(3, "ann", {id_of("job", 1), id_of("job", 2)})};
  for (auto& c : whole_run(a, run_outcome::succeeded)) group.push_back(c);
  for (auto& c : whole_run(b, run_outcome::failed)) group.push_back(c);
  group.push_back(child_of(4, "ann", {id_of("job", 1)}));
  std::vector<const change*> coming;
  for (auto& c : group) coming.push_back(&c);
  d.w->begin(coming);
  for (auto& c : group) CHECK(d.w->apply(c, begin_ms).why == errc::ok);
  CHECK(d.w->apply(child_of(5, "ann", {id_of("job", 2)}), begin_ms).why == errc::conflict);
  d.w->commit();
  CHECK(d.w->woke_waiting());
  CHECK(ready(d) == ids{id_of("job", 3) + ":" + id_of("job", 2), id_of("job", 4) + ":"});
  d.must(step_of(d, id_of("job", 3), job_input::parent_failed{id_of("job", 2)}));
  d.must(step_of(d, id_of("job", 4), job_input::parents_done{}));
  CHECK(ready(d).empty());
  d.books_are_right();
}

TEST_CASE_TEMPLATE("nobody depends on a job that is not there, or not his, or has failed", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  d.must(grant("t2", wallet_of("eve"), 10 * one));
  life a{1, "ann", false};
  d.must(a.submit());
  d.refused(child_of(2, "ann", {"job_none"}), errc::not_found);
  d.refused(child_of(2, "eve", {id_of("job", 1)}), errc::not_found);
  for (auto& c : whole_run(a, run_outcome::failed)) d.must(c);
  d.refused(child_of(2, "ann", {id_of("job", 1)}), errc::conflict);
  auto queued = child_of(2, "ann", {id_of("job", 1)});
  queued.submits->row.state = job_state::queued;
  d.refused(queued, errc::invalid);
}

TEST_CASE_TEMPLATE("what is late is found while it waits, in order, and not when it runs or is over", E,
                   STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  for (int n = 1; n <= 4; ++n) {
    auto c = life{n, "ann", false}.submit();
    c.submits->row.expires_ms = n == 4 ? 0 : begin_ms + 1'000 - n;
    d.must(c);
  }
  auto late = [&](time_ms now, int32_t limit = 10) { return d.r->waiting().expired_jobs(now, limit); };
  CHECK(late(begin_ms).empty());
  CHECK(late(begin_ms + 1'000) == ids{id_of("job", 3), id_of("job", 2), id_of("job", 1)});
  CHECK(late(begin_ms + 1'000, 1).size() == 1);
  d.must(step_of(d, id_of("job", 3), job_input::expire{}));
  d.must(step_of(d, id_of("job", 2), job_input::claim{"node_1", 1, "bob", 5}, begin_ms));
  CHECK(late(begin_ms + 1'000) == ids{id_of("job", 1)});
  auto view = d.r->find_job(id_of("job", 3));
  CHECK(view->row.expires_ms == begin_ms + 997);
  CHECK(view->row.state == job_state::expired);
}

TEST_CASE_TEMPLATE("only what failed or died lives again, once a version, on a hold of its own", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto redrive = [&](int64_t n) {
    auto id = id_of("job", n);
    auto row = d.r->find_job(id)->row;
    row.state = job_state::failed;
    auto s = advance(row, job_input::redrive{next_hold_id(row.hold_id)}, begin_ms);
    change c;
    c.moves = job_update{s.next, false, true};
    c.opens = hold_open{s.next.hold_id, id, wallet_of("ann"), row.hold};
    return c;
  };
  life lives{1, "ann", false}, won{2, "ann", false}, lost{3, "ann", false};
  d.must(lives.submit());
  for (auto* l : {&won, &lost}) d.must(l->submit());
  for (auto& c : whole_run(won, run_outcome::succeeded)) d.must(c);
  for (auto& c : whole_run(lost, run_outcome::failed)) d.must(c);
  d.refused(redrive(1), errc::conflict);
  d.refused(redrive(2), errc::conflict);
  auto again = redrive(3);
  auto old_epoch = again;
  old_epoch.moves->next.lease_epoch -= 1;
  d.refused(old_epoch, errc::conflict);
  d.must(again);
  d.refused(again, errc::conflict);
  auto row = d.r->find_job(id_of("job", 3))->row;
  CHECK(row.hold_id == id_of("hold", 3) + ".1");
  CHECK(row.cost == 0);
  CHECK_FALSE(d.r->find_job(id_of("job", 3))->result);
  d.must(step_of(d, id_of("job", 3), job_input::cancel{}));
  d.refused(redrive(3), errc::conflict);
  d.books_are_right();
}

TEST_CASE_TEMPLATE("jobs are listed by their state, beside the public word", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  auto end = [&](int64_t n, const any_job_input& in) {
    auto c = life{n, "ann", false}.submit();
    c.submits->row.expires_ms = begin_ms + 1;
    d.must(c);
    d.must(step_of(d, id_of("job", n), in));
  };
  end(1, job_input::quarantine{"poison"});
  end(2, job_input::expire{});
  end(3, job_input::cancel{});
  life failed{4, "ann", false};
  d.must(failed.submit());
  for (auto& c : whole_run(failed, run_outcome::failed)) d.must(c);
  d.must(life{5, "ann", false}.submit());
  auto list = [&](std::optional<std::string> word, std::optional<job_state> state, int32_t limit = 10) {
    ids found;
    for (auto& x : d.r->list_jobs({"ann", word, {}, limit, state})) found.push_back(x.row.id);
    return found;
  };
  CHECK(list({}, job_state::dead) == ids{id_of("job", 1)});
  CHECK(list({}, job_state::expired) == ids{id_of("job", 2)});
  CHECK(list({}, job_state::queued) == ids{id_of("job", 5)});
  CHECK(list("failed", {}) == ids{id_of("job", 4), id_of("job", 2), id_of("job", 1)});
  CHECK(list("failed", {}, 2) == ids{id_of("job", 4), id_of("job", 2)});
  CHECK(list("failed", job_state::failed) == ids{id_of("job", 4)});
}

TEST_CASE_TEMPLATE("a timetable is changed by compare-and-set, and one time fires once", E, STORE_ENGINES) {
  desk<E> d;
  auto s = nightly("sch_1");
  d.must(write_of(s));
  d.refused(write_of(s), errc::conflict);
  auto found = d.r->waiting().find_schedule("sch_1");
  REQUIRE(found);
  CHECK(found->cron == s.cron);
  CHECK(found->overlap == overlap_rule::skip);
  CHECK(found->catch_up == catch_up_rule::one);
  CHECK(found->enabled);
  CHECK(found->end_ms == 2);
  CHECK(d.r->waiting().due_schedules(begin_ms - 1, 10).empty());
  CHECK(d.r->waiting().due_schedules(begin_ms, 10).size() == 1);
  auto fire = write_of(s);
  fire.schedules->next.version = 2;
  fire.schedules->next.next_ms = 0;
  fire.schedules->next.last_error = "no money";
  fire.fires = firing{"sch_1", begin_ms, begin_ms + 7, "", "no money"};
  d.must(fire);
  d.refused(fire, errc::stale);
  fire.schedules->next.version = 3;
  d.refused(fire, errc::conflict);  // that time has fired
  CHECK(d.r->waiting().due_schedules(begin_ms + 1, 10).empty());
  REQUIRE(d.r->waiting().firings("sch_1", 10).size() == 1);
  CHECK(d.r->waiting().firings("sch_1", 10)[0].error == "no money");
  CHECK(d.r->waiting().list_schedules("ann", "", 10).size() == 1);
  CHECK(d.r->waiting().list_schedules("ann", "sch_1", 10).empty());
  CHECK(d.r->waiting().list_schedules("eve", "", 10).empty());
  s.version = 3;
  d.must(write_of(s, true));
  CHECK(d.r->waiting().firings("sch_1", 10).empty());
  d.refused(write_of(s, true), errc::not_found);
}

TEST_CASE_TEMPLATE("a job and the firing that made it come together or not at all", E, STORE_ENGINES) {
  desk<E> d;
  d.must(write_of(nightly("sch_1")));
  auto c = life{1, "ann", false}.submit();
  c.schedules = schedule_write{nightly("sch_1")};
  c.schedules->next.version = 2;
  c.fires = firing{"sch_1", begin_ms, begin_ms, id_of("job", 1), ""};
  d.refused(c, errc::insufficient_funds);
  d.must(grant("t1", wallet_of("ann"), 10 * one));
  d.must(c);
  d.refused(c, errc::stale);
  CHECK(d.r->find_job(id_of("job", 1)));
  d.books_are_right();
}

TEST_CASE_TEMPLATE("the audit finds a child that was forgotten or went too early", E, STORE_ENGINES) {
  for (auto* edit :
       {"UPDATE job_dependencies SET done = 1", "DELETE FROM job_dependencies", "UPDATE job_dependencies SET done = 3",
        "UPDATE jobs SET state = 2 WHERE state = 0", "UPDATE job_dependencies SET parent = 'job_none'"}) {
    CAPTURE(edit);
    desk<E> d;
    d.must(grant("t1", wallet_of("ann"), 10 * one));
    d.must(life{1, "ann", false}.submit());
    d.must(child_of(2, "ann", {id_of("job", 1)}));
    d.books_are_right();
    d.engine.edit(edit);
    CHECK_FALSE(d.db->verify().breaches.empty());
  }
}

}  // namespace troupe::lives
