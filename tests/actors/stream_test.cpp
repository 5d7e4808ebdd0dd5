// A stream replays from its cursor, stops when the socket is full, and misses nothing whenever the bells ring.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

/// A socket with room for `room` more events.
struct socket {
  std::vector<event_row> got;
  size_t room = 1'000'000;
  std::function<void()> each = [] {};
  stream_actor stream;

  socket(house_world& w, int64_t after, std::string job_id = {}, const char* who = house_world::user) {
    stream = spawn_stream(w.h(), who, std::move(job_id), after, [this](const event_row& e) {
      if (room == 0) return false;
      room -= 1;
      got.push_back(e);
      each();
      return true;
    });
    w.run();
  }
  ~socket() { caf::anon_send_exit(stream, caf::exit_reason::user_shutdown); }

  std::vector<int64_t> seqs() const {
    std::vector<int64_t> all;
    for (auto& e : got) all.push_back(e.seq);
    return all;
  }
};

std::vector<int64_t> stored(house_world& w, int64_t after = 0) {
  std::vector<int64_t> all;
  for (auto& e : w.reader().events_after(house_world::user, "", after, 100'000)) all.push_back(e.seq);
  return all;
}

}  // namespace

TEST_CASE("a stream replays from its cursor and follows what comes") {
  house_world w;
  w.submit();
  w.submit();
  socket all{w, 0};
  CHECK(all.got.size() == 2);
  socket rest{w, all.got[0].seq};
  CHECK(rest.got.size() == 1);
  w.submit();
  CHECK(all.seqs() == stored(w));
  CHECK(rest.seqs() == stored(w, all.got[0].seq));
}

TEST_CASE("a stream of one job has nothing of another, and a stranger's has nothing at all") {
  house_world w;
  auto one_job = w.submit();
  w.submit();
  socket mine{w, 0, one_job}, strangers{w, 0, one_job, "user_mallory"};
  w.must(w.actors().jobs.get(), cancel_job{one_job, house_world::user});
  REQUIRE(mine.got.size() == 2);
  CHECK(mine.got[1].terminal);
  CHECK(strangers.got.empty());
}

TEST_CASE("a long history is read page by page, in order and without a gap") {
  house_world w;
  submit_jobs many{house_world::user, {}};
  auto s = house_world::noop();
  s.spec.timeout_ms = 1'000;
  for (size_t i = 0; i < 2 * limits::events_page + 7; ++i) many.jobs.push_back(w.entry(s));
  w.must(w.actors().wallets.get(), many);
  socket all{w, 0};
  CHECK(all.got.size() == 2 * limits::events_page + 7);
  CHECK(all.seqs() == stored(w));
}

TEST_CASE("a full socket blocks the stream, and it continues where it stopped when there is room") {
  house_world w;
  for (int i = 0; i < 10; ++i) w.submit();
  socket slow{w, 0};
  CHECK(slow.got.size() == 10);
  slow.room = 3;
  for (int i = 0; i < 10; ++i) w.submit();
  CHECK(slow.got.size() == 13);
  w.submit();
  CHECK(slow.got.size() == 13);
  slow.room = 2;
  caf::anon_send(slow.stream, socket_drained{});
  w.run();
  CHECK(slow.got.size() == 15);
  slow.room = 100;
  caf::anon_send(slow.stream, socket_drained{});
  w.run();
  CHECK(slow.seqs() == stored(w));
}

TEST_CASE("bells that ring while the stream reads are not missed") {
  house_world w;
  w.submit();
  socket all{w, 0};
  auto more = 5;
  all.each = [&] {
    if (more-- <= 0) return;
    auto e = w.entry();
    exchange(w.h(), w.actors().wallets.get(), submit_jobs{house_world::user, {std::move(e)}}, std::chrono::minutes{1},
             [](auto) {});
  };
  w.submit();
  w.run();
  CHECK(all.seqs() == stored(w));
  CHECK(all.got.size() == 7);
}

TEST_CASE("a stream outlives the events actor and misses nothing of the time between") {
  house_world w;
  socket all{w, 0};
  caf::anon_send_exit(w.actors().events.get(), caf::exit_reason::unhandled_exception);
  w.submit();
  w.pass(1'000);
  w.submit();
  CHECK(all.seqs() == stored(w));
  CHECK(all.got.size() == 2);
}

TEST_CASE("a stream waits while the database is away") {
  house_world w;
  socket all{w, 0};
  w.faults.reads_away = true;
  w.submit();
  w.pass(2'000);
  CHECK(all.got.empty());
  w.faults.reads_away = false;
  w.pass(1'000);
  CHECK(all.seqs() == stored(w));
}

TEST_CASE("a closed stream is forgotten by the events actor") {
  house_world w;
  auto at_rest = w.system().registry().running();
  {
    socket one_of{w, 0}, two{w, 0};
    CHECK(w.system().registry().running() == at_rest + 2);
  }
  w.run();
  CHECK(w.system().registry().running() == at_rest);
  w.submit();
}
