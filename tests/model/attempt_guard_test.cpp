// Guessing costs more and more time; knowing costs none.
#include "model/attempt_guard.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

struct door {
  explicit door(guard_rules rules = {}) : guard{rules} {}
  attempt_guard guard;
  int64_t now = 1'000'000;

  /// Tries and says how it ended; the wait when it was not let in.
  int64_t attempt(attempt_end how, const std::string& name = "ann") {
    auto wait_ms = guard.begin(name, now);
    if (wait_ms == 0) guard.end(name, how, now);
    return wait_ms;
  }
  void fail(int times) {
    for (int i = 0; i < times; ++i) CHECK(attempt(attempt_end::bad) == 0);
  }
};

}  // namespace

TEST_CASE("four failures cost nothing, the fifth half a minute, and each further one twice as much") {
  door d;
  d.fail(5);
  for (int64_t wait_ms : {30'000, 60'000, 120'000, 240'000, 480'000, 900'000, 900'000}) {
    CHECK(d.attempt(attempt_end::good) == wait_ms);
    d.now += wait_ms - 1;
    CHECK(d.attempt(attempt_end::good) == 1);
    d.now += 1;
    d.fail(1);
  }
}

TEST_CASE("another name is not kept waiting") {
  door d;
  d.fail(5);
  CHECK(d.attempt(attempt_end::good, "bob") == 0);
}

TEST_CASE("a success clears the count") {
  door d;
  d.fail(4);
  CHECK(d.attempt(attempt_end::good) == 0);
  d.fail(5);
  CHECK(d.attempt(attempt_end::good) > 0);
}

TEST_CASE("failures are forgotten after a quarter of an hour without one") {
  door d;
  d.fail(4);
  d.now += 15 * 60'000 + 1;
  d.fail(4);
  CHECK(d.attempt(attempt_end::good) == 0);
}

TEST_CASE("guesses side by side are counted before they have failed") {
  door d;
  int let_in = 0;
  for (int i = 0; i < 100; ++i) let_in += d.guard.begin("ann", d.now) == 0;
  CHECK(let_in == 16);
  for (int i = 0; i < let_in; ++i) d.guard.end("ann", attempt_end::bad, d.now);
  CHECK(d.guard.begin("ann", d.now) == 900'000);
}

TEST_CASE("who was never tried is not counted, and who did nothing wrong is not remembered") {
  door d;
  for (int i = 0; i < 50; ++i) CHECK(d.attempt(attempt_end::untried) == 0);
  CHECK(d.guard.size() == 0);
  CHECK(d.attempt(attempt_end::good) == 0);
  CHECK(d.guard.size() == 0);
}

TEST_CASE("filling the table frees nobody who must wait") {
  door d{guard_rules{.names_max = 100}};
  d.fail(5);
  for (int i = 0; i < 1'000; ++i) d.attempt(attempt_end::bad, std::to_string(i));
  CHECK(d.guard.size() <= 101);
  CHECK(d.attempt(attempt_end::good) > 0);
}
