// What every engine must do about groups, jobs, events and repeated requests.
#pragma once

#include <map>

#include "tests/persistence/desk.hpp"

namespace troupe::lives {

/// No field has its default, so that a forgotten column shows.
inline job_insert full_job() {
  job_insert x;
  auto& j = x.row;
  j.id = "job_full";
  j.user_id = "ann";
  j.state = job_state::scheduled;
  j.version = 7;
  j.lease_epoch = 3;
  j.attempts = 2;
  j.deliveries = 1;
  j.max_attempts = 9;
  j.priority = 8;
  j.currency = asset::credit;
  j.pricing = pricing_mode::by_token;
  j.price_in = 11;
  j.price_out = 12;
  j.min_tokens = 13;
  j.fee_bps = 14;
  j.hold = 15;
  j.hold_id = "hold_full";
  j.cost = 5;
  j.timeout_ms = 16;
  j.node_id = "node";
  j.node_session = 17;
  j.provider_user = "bob";
  j.node_rate = 18;
  j.created_ms = 19;
  j.run_at_ms = 20;
  j.leased_ms = 21;
  j.started_ms = 22;
  j.finished_ms = 23;
  j.progress_ppm = 24;
  j.devices = "0:24000,1:24000";
  j.error_code = "code";
  j.error_message = std::string{"'a'\n\0\"b", 7};
  demand needs{"h100", 2, 81920, "eu", "llama", {{"a", "1,2"}, {"b", ""}}, 25, 26, 27, 28, true, true, 29};
  x.spec = {job_kind::script, "name", "description", "{\"k\":1}", needs, {"x", "", "y:3,z"}, 26};
  return x;
}

template <class T>
std::string text_of(const T& x) {
  std::string text;
  auto add = [&](const auto& v) {
    if constexpr (requires { text += v; } && !std::is_arithmetic_v<std::decay_t<decltype(v)>>)
      text += v;
    else if constexpr (requires { static_cast<int64_t>(v); })
      text += std::to_string(static_cast<int64_t>(v));
    else if constexpr (requires { v.size(); })
      for (const auto& e : v) text += text_of(e);
    else
      text += text_of(v);
    text += '|';
  };
  if constexpr (std::is_same_v<T, std::string>) {
    text = x;
  } else {
    auto each = [&](const auto&... v) { return (add(v), ..., true); };
    inspect(each, const_cast<T&>(x));
  }
  return text;
}

TEST_CASE_TEMPLATE("a job comes back as it was sent, field by field", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.submits = full_job();
  d.must(c);
  auto found = d.r->find_job("job_full");
  REQUIRE(found);
  CHECK(found->row == c.submits->row);
  CHECK(text_of(found->spec) == text_of(c.submits->spec));
  CHECK_FALSE(found->result);
  CHECK_FALSE(d.r->find_job("job_other"));
  d.refused(c, errc::conflict);
}

TEST_CASE_TEMPLATE("a move writes every field that may change and none of the terms", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.submits = full_job();
  d.must(c);
  auto next = c.submits->row;
  next.state = job_state::running;
  next.version += 1;
  next.lease_epoch += 1;
  next.attempts = 31;
  next.deliveries = 32;
  next.max_attempts = 33;
  next.priority = 1;
  next.cost = 6;
  next.node_id = "node2";
  next.node_session = 34;
  next.provider_user = "cat";
  next.node_rate = 35;
  next.run_at_ms = 36;
  next.leased_ms = 37;
  next.started_ms = 38;
  next.finished_ms = 39;
  next.progress_ppm = 40;
  next.error_code = "";
  next.error_message = "";
  next.hold = 1'000'000;  // it may have grown
  next.rare = {10, 11, 12, 13, 14, 15, {{"ann", 16, 17}, {"bob,:3", 18, 0}}, {"node7", ""}};
  change move;
  move.moves = job_update{next};
  move.moves->next.user_id = "thief";
  d.must(move);
  CHECK(d.r->find_job("job_full")->row == next);
}

TEST_CASE_TEMPLATE("a job is changed only from the version that the writer saw", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.submits = full_job();
  d.must(c);
  change move;
  move.moves = job_update{c.submits->row};
  auto& next = move.moves->next;
  next.version += 1;
  next.state = job_state::queued;
  auto why = errc::stale;
  SUBCASE("the same version") { next.version -= 1; }
  SUBCASE("a later version") { next.version += 1; }
  SUBCASE("an older lease epoch") { next.lease_epoch -= 1; }
  SUBCASE("an unknown job") {
    next.id = "job_other";
    why = errc::not_found;
  }
  SUBCASE("sent twice") { d.must(move); }
  SUBCASE("an ended job") {
    next.state = job_state::dead;
    d.must(move);
    next.version += 1;
    next.state = job_state::queued;
    why = errc::conflict;
  }
  move.events.push_back(event_of(next, "queued", 1));
  d.refused(move, why);
}

TEST_CASE_TEMPLATE("an attempt begins once and ends once", E, STORE_ENGINES) {
  desk<E> d;
  change c;
  c.attempt = attempt_row{"job", 1, "node", 5, attempt_outcome::open, 0, 10};
  d.must(c);
  d.refused(c, errc::conflict);
  c.attempt->epoch = 2;
  c.attempt->outcome = attempt_outcome::lost;
  d.refused(c, errc::conflict);
  c.attempt->epoch = 1;
  d.must(c);
  c.attempt->outcome = attempt_outcome::failed;
  d.refused(c, errc::conflict);
  c.attempt->outcome = attempt_outcome::succeeded;  // a late finisher, nobody else had the job
  d.must(c);
  d.refused(c, errc::conflict);
}

TEST_CASE_TEMPLATE("the result of an ended job comes back field by field", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 5 * one));
  life l{1, "ann", false};
  d.must(l.submit());
  d.must(l.claim("node", "bob"));
  run_report report{run_outcome::failed,
                    1'100,
                    3,
                    "out\n",
                    std::string{"err\0", 4},
                    true,
                    true,
                    "text",
                    "stop",
                    7,
                    8,
                    {{"a/b.txt", 12, "ff"}, {"c", 0, ""}},
                    "exit_code",
                    "it ended with 3"};
  d.must(l.finish(report));
  auto found = d.r->find_job(l.row().id);
  REQUIRE(found);
  CHECK(found->row == l.row());
  REQUIRE(found->result);
  CHECK(text_of(*found->result) == text_of(report));
  d.books_are_right();
  change again;
  again.result = result_row{l.row().id, l.row().lease_epoch, report};
  d.refused(again, errc::conflict);
}

TEST_CASE_TEMPLATE("a refused change disturbs nobody else in its group", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 3 * one));
  d.w->begin();
  CHECK(d.w->apply(hold_of(1, "ann", 2 * one), begin_ms).why == errc::ok);
  CHECK(d.w->apply(hold_of(2, "ann", 2 * one), begin_ms).why == errc::insufficient_funds);
  auto twice = hold_of(1, "ann", one / 2);
  twice.opens->id = "other";
  CHECK(d.w->apply(twice, begin_ms).why == errc::conflict);
  CHECK(d.w->apply(hold_of(3, "ann", one), begin_ms).why == errc::ok);
  d.w->commit();
  CHECK(d.balance(wallet_of("ann")).held == 3 * one);
  CHECK(d.r->find_job(id_of("job", 1)));
  CHECK_FALSE(d.r->find_job(id_of("job", 2)));
  CHECK(d.r->find_job(id_of("job", 3)));
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a group is seen when it is committed, and never when it is rolled back", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 3 * one));
  auto before = d.engine.dump();
  auto c = hold_of(1, "ann", one);
  d.w->begin();
  CHECK(d.w->apply(c, begin_ms).why == errc::ok);
  CHECK_FALSE(d.r->find_job(c.submits->row.id));
  d.w->rollback();
  CHECK(d.engine.dump() == before);
  CHECK(d.must(c).last_event == 1);
  CHECK(d.r->find_job(c.submits->row.id));
  d.books_are_right();
}

TEST_CASE_TEMPLATE("a repeated request gets its first answer and does nothing", E, STORE_ENGINES) {
  desk<E> d;
  d.must(grant("t1", wallet_of("ann"), 3 * one));
  life l{1, "ann", true};
  auto c = l.submit();
  CHECK_FALSE(d.must(c).replayed);
  auto before = d.engine.dump();
  c.once->status = 500;
  c.once->body = "another answer";
  auto again = d.must(c);
  CHECK(again.replayed);
  CHECK(again.status == 202);
  CHECK(again.body == l.submit().once->body);
  CHECK(d.engine.dump() == before);
  c.once->request_hash = "other";
  CHECK_FALSE(d.refused(c, errc::key_reused).replayed);
  auto stored = d.r->find_idempotent(c.once->scope, c.once->key);
  REQUIRE(stored);
  CHECK(stored->body == again.body);
  CHECK(stored->status == 202);
  CHECK_FALSE(d.r->find_idempotent("other scope", c.once->key));
}

TEST_CASE_TEMPLATE("a refused request leaves its key free", E, STORE_ENGINES) {
  desk<E> d;
  life l{1, "ann", true};
  d.refused(l.submit(), errc::insufficient_funds);
  d.must(grant("t1", wallet_of("ann"), 3 * one));
  CHECK_FALSE(d.must(l.submit()).replayed);
}

TEST_CASE_TEMPLATE("jobs are listed newest first, page by page, by their public word", E, STORE_ENGINES) {
  desk<E> d;
  std::vector<std::string> all;
  std::map<std::string, std::vector<std::string>> by_word;
  for (int n = 0; n < 39; ++n) {
    change c;
    c.submits = full_job();
    auto& j = c.submits->row;
    j.id = id_of("job", n);
    j.state = static_cast<job_state>(n % job_states);
    d.must(c);
    all.insert(all.begin(), j.id);
    auto& list = by_word[std::string{public_status(j.state)}];
    list.insert(list.begin(), j.id);
  }
  auto read = [&](std::optional<std::string> word) {
    std::vector<std::string> ids;
    for (job_filter f{"ann", word, "", 4};; f.before_id = ids.back()) {
      auto page = d.r->list_jobs(f);
      for (const auto& x : page) ids.push_back(x.row.id);
      if (page.size() < 4) return ids;
    }
  };
  CHECK(read({}) == all);
  for (const auto& list : by_word) {
    INFO(list.first);
    CHECK(read(list.first) == list.second);
  }
  CHECK(d.r->list_jobs({"bob", {}, "", 10}).empty());
  CHECK(d.r->list_jobs({"ann", "no such word", "", 10}).empty());
  CHECK(d.r->list_jobs({"ann", {}, "", -1}).empty());
}

TEST_CASE_TEMPLATE("live jobs are read in order, by state, without those that ended", E, STORE_ENGINES) {
  desk<E> d;
  for (int n = 0; n < 39; ++n) {
    change c;
    c.submits = full_job();
    c.submits->row.id = id_of("job", n);
    c.submits->row.state = static_cast<job_state>(n % job_states);
    d.must(c);
  }
  std::vector<job_state> states{job_state::queued, job_state::running, job_state::dead};
  auto first = d.r->live_jobs(states, "", 4);
  REQUIRE(first.size() == 4);
  CHECK(first[0].id == id_of("job", 2));
  CHECK(first[0].state == job_state::queued);
  CHECK(first[0].needs == full_job().spec.needs);
  CHECK(first[0].node_id == "node");
  CHECK(first[1].id == id_of("job", 4));
  auto rest = d.r->live_jobs(states, first[3].id, 100);
  REQUIRE(rest.size() == 2);
  CHECK(rest[1].id == id_of("job", 30));
}

TEST_CASE_TEMPLATE("events have rising numbers and are read after any of them", E, STORE_ENGINES) {
  desk<E> d;
  CHECK(d.r->last_event() == 0);
  d.must(grant("t1", wallet_of("ann"), 9 * one));
  d.must(grant("t2", wallet_of("bob"), 9 * one));
  auto a = d.run(1, "ann");
  auto b = d.run(2, "bob");
  auto c = d.run(3, "ann");
  auto mine = d.r->events_after("ann", "", 0, 100);
  REQUIRE(mine.size() == 6);
  std::string kinds;
  int64_t seq = 0;
  for (const auto& e : mine) {
    CHECK(e.seq > seq);
    seq = e.seq;
    kinds += e.kind + " ";
  }
  CHECK(kinds == "queued started completed queued started completed ");
  CHECK(d.r->last_event() == seq);
  auto page = d.r->events_after("ann", "", mine[1].seq, 2);
  REQUIRE(page.size() == 2);
  CHECK(page[0].seq == mine[2].seq);
  CHECK(d.r->events_after("ann", c.row().id, 0, 100).size() == 3);
  CHECK(d.r->events_after("ann", c.row().id, mine[4].seq, 100).size() == 1);
  CHECK(d.r->events_after("ann", b.row().id, 0, 100).empty());
  CHECK(mine[5].terminal);
  CHECK(mine[5].value == c.row().cost);
  CHECK(mine[5].job_id == c.row().id);
  CHECK(mine[5].node_id == "node_1");
}

TEST_CASE_TEMPLATE("each user reads all of their own events from anywhere, however many there are", E, STORE_ENGINES) {
  desk<E> d;
  std::map<std::string, std::vector<int64_t>> seqs;
  int64_t last = 0;
  for (int group = 0; group < 60; ++group) {
    d.w->begin();
    for (int i = 0; i < 7; ++i) {
      change c;
      auto user = i < 4 ? "ann" : i < 6 ? "bob" : "cat";
      for (int k = 0; k <= i % 2; ++k) c.events.push_back({0, user, "", "progress"});
      last = d.w->apply(c, begin_ms).last_event;
      for (auto k = std::ssize(c.events); k > 0; --k) seqs[user].push_back(last - k + 1);
    }
    if (group % 10 == 9) {
      d.w->commit();
      d.w = nullptr;  // what is remembered in memory must not be needed
      d.w = d.db->open_writer();
    } else {
      d.w->commit();
    }
  }
  CHECK(d.r->last_event() == last);
  for (const auto& [user, all] : seqs) {
    for (size_t from = 0; from <= all.size(); from += 7) {
      auto after = from == 0 ? 0 : all[from - 1];
      for (int limit : {1, 50, 1000}) {
        std::vector<int64_t> found;
        for (const auto& e : d.r->events_after(user, "", after, limit)) found.push_back(e.seq);
        auto end = std::min(all.size(), from + static_cast<size_t>(limit));
        CHECK(found == std::vector<int64_t>(all.begin() + static_cast<ptrdiff_t>(from),
                                            all.begin() + static_cast<ptrdiff_t>(end)));
      }
    }
    CHECK(d.r->events_after(user, "", last + 5, 10).empty());
  }
  CHECK(d.r->events_after("nobody", "", 0, 10).empty());
}

}  // namespace troupe::lives
