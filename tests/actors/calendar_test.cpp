// Timetables through the real cast: one job for each time, whatever crashes or sweeps twice.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

constexpr time_ms minute = 60'000;

void read_noops(house_world& w) {
  w.h().read_job = [](const std::string& body, time_ms) -> outcome<submission> {
    if (body == "broken") return failure{errc::invalid, "no such job", {}, {}};
    return house_world::noop();
  };
}

schedule each_minute(const house_world& w) {
  schedule s;
  s.id = "sch_1";
  s.user_id = house_world::user;
  s.name = "each minute";
  s.cron = "* * * * *";
  s.job = "{}";
  s.version = 1;
  s.next_ms = next_firing(s, w.wall);
  return s;
}

void put(house_world& w, const schedule& s) {
  change c;
  c.schedules = schedule_write{s};
  w.commit(c);
}

schedule get(house_world& w) { return *w.reader().waiting().find_schedule("sch_1"); }
std::vector<firing> firings(house_world& w) { return w.reader().waiting().firings("sch_1", 100); }
size_t jobs(house_world& w) { return w.reader().list_jobs({house_world::user, {}, {}, 1'000}).size(); }

}  // namespace

TEST_CASE("a schedule makes one job for each of its times") {
  house_world w;
  read_noops(w);
  put(w, each_minute(w));
  w.pass(10 * minute);
  CHECK(firings(w).size() == 10);
  CHECK(jobs(w) == 10);
  for (auto& x : firings(w)) {
    CHECK(x.fire_ms % minute == 0);
    CHECK(x.error == "");
    CHECK(x.at_ms - x.fire_ms <= 1'100);
  }
  CHECK(get(w).last_job_id == firings(w)[0].job_id);
  CHECK(get(w).next_ms == firings(w)[0].fire_ms + minute);
  w.books_are_right();
}

TEST_CASE("two sweeps of one time make one job") {
  house_world w;
  read_noops(w);
  put(w, each_minute(w));
  for (int i = 0; i < 20; ++i) {
    w.pass(minute / 20);
    for (int n = 0; n < 3; ++n) tell(w.actors().calendar.get(), rung{});
    w.run();
  }
  CHECK(jobs(w) == 1);
  CHECK(firings(w).size() == 1);
}

TEST_CASE("a firing whose commit nobody heard of is not made again") {
  house_world w;
  read_noops(w);
  put(w, each_minute(w));
  w.pass(minute - 1'000);
  w.faults.forget_answers = true;
  w.pass(3'000);
  w.faults.forget_answers = false;
  w.pass(5'000);
  CHECK(jobs(w) == 1);
  w.books_are_right();
}

TEST_CASE("without money the firing failed and says why, and the schedule lives on") {
  house_world w;
  read_noops(w);
  change spend;
  spend.transfers.push_back({"t-1",
                             transfer_code::stake,
                             {house_world::user, account_kind::available, asset::dgpu},
                             {house_world::user, account_kind::stake, asset::dgpu},
                             100 * one,
                             ""});
  w.commit(spend);
  put(w, each_minute(w));
  w.pass(2 * minute);
  CHECK(jobs(w) == 0);
  REQUIRE(firings(w).size() == 2);
  CHECK(firings(w)[0].error.starts_with("insufficient_funds"));
  CHECK(get(w).last_error == firings(w)[0].error);
  spend.transfers[0].id = "t-2";
  std::swap(spend.transfers[0].debit, spend.transfers[0].credit);
  w.commit(spend);
  w.pass(minute);
  CHECK(jobs(w) == 1);
  CHECK(get(w).last_error == "");
}

TEST_CASE("a job that cannot be read any more is a failed firing, too") {
  house_world w;
  read_noops(w);
  auto s = each_minute(w);
  s.job = "broken";
  put(w, s);
  w.pass(minute);
  REQUIRE(firings(w).size() == 1);
  CHECK(firings(w)[0].error == "invalid: no such job");
}

TEST_CASE("an overlap is skipped, or cancels the job before, as the schedule says") {
  for (auto rule : {overlap_rule::skip, overlap_rule::cancel_previous}) {
    CAPTURE(to_string(rule));
    house_world w;
    read_noops(w);
    auto s = each_minute(w);
    s.overlap = rule;
    put(w, s);
    w.pass(minute);
    auto first = get(w).last_job_id;
    REQUIRE(first != "");
    w.pass(minute);
    CHECK(firings(w).size() == 2);
    CHECK(w.state(first) == (rule == overlap_rule::skip ? job_state::queued : job_state::cancelled));
    CHECK(jobs(w) == (rule == overlap_rule::skip ? 1 : 2));
    CHECK(firings(w)[0].error.starts_with("skipped") == (rule == overlap_rule::skip));
    w.books_are_right();
  }
}

TEST_CASE("after an absence a schedule fires once or not at all, as it says, and then goes on") {
  for (auto rule : {catch_up_rule::none, catch_up_rule::one}) {
    CAPTURE(to_string(rule));
    house_world w;
    auto s = each_minute(w);
    s.cron = "0 * * * *";
    s.next_ms = next_firing(s, w.wall);
    s.catch_up = rule;
    put(w, s);
    w.close();
    w.wall += 5 * 60 * minute + 10 * minute;
    w.restart();
    read_noops(w);
    w.pass(2'000);
    CHECK(jobs(w) == (rule == catch_up_rule::one ? 1 : 0));
    REQUIRE(firings(w).size() == 1);
    CHECK(firings(w)[0].error.starts_with("missed") == (rule == catch_up_rule::none));
    CHECK(get(w).next_ms > w.wall);
    w.pass(60 * minute);
    CHECK(jobs(w) == (rule == catch_up_rule::one ? 2 : 1));
  }
}

TEST_CASE("a paused schedule and one that is over do not fire") {
  house_world w;
  read_noops(w);
  auto s = each_minute(w);
  s.enabled = false;
  s.next_ms = next_firing(s, w.wall);
  put(w, s);
  auto over = each_minute(w);
  over.id = "sch_2";
  over.end_ms = w.wall + minute + 1'000;
  put(w, over);
  w.pass(5 * minute);
  CHECK(firings(w).empty());
  CHECK(jobs(w) == 1);
  CHECK(w.reader().waiting().find_schedule("sch_2")->next_ms == 0);
}
