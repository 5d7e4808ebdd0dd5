// Every state times every input, against tables that were written by hand from the reference, not from the code.
#include <doctest/doctest.h>

#include <iterator>
#include <limits>
#include <sstream>
#include <string>

#include "tests/model/job_world.hpp"

using namespace job_world;

namespace {

// A state's name: the step leads there. "no": refused as a conflict. "old": refused as stale.
struct table_row {
  std::string_view from;
  std::string_view to;  // one word an input
};

// The finish of this table succeeds; the other outcomes have their own table below.
// clang-format off
constexpr std::array<table_row, 13> table{{
  // due claim reject start progress finish lost deadline cancel grace quarantine extend funds stalled
  {"blocked",    "no no no no no old no no cancelled no dead no no no"},
  {"scheduled",  "queued no no no no old no no cancelled no dead no no no"},
  {"queued",     "no leased no no no succeeded no no cancelled no dead no no no"},
  {"leased",     "no no queued running no succeeded queued no cancelled no dead no no no"},
  {"running",    "no no no no running succeeded retry_wait retry_wait cancelling no dead no cancelling no"},
  {"finalizing", "no no no no no old no no no no dead no no no"},
  {"retry_wait", "queued no no no no succeeded no no cancelled no dead no no no"},
  {"cancelling", "no no no no no succeeded cancelled no no cancelled dead no no no"},
  {"succeeded",  "no no no no no old no no no no no no no no"},
  {"failed",     "no no no no no old no no no no no no no no"},
  {"cancelled",  "no no no no no old no no no no no no no no"},
  {"expired",    "no no no no no old no no no no no no no no"},
  {"dead",       "no no no no no old no no no no no no no no"},
}};

constexpr std::array<table_row, 13> finishes{{
  //              succeeded failed node_fault cancelled  preempted
  {"blocked",    "old       old    old        old        old"},
  {"scheduled",  "old       old    old        old        old"},
  {"queued",     "succeeded old    old        old        old"},
  {"leased",     "succeeded failed retry_wait retry_wait queued"},
  {"running",    "succeeded failed retry_wait retry_wait queued"},
  {"finalizing", "old       old    old        old        old"},
  {"retry_wait", "succeeded old    old        old        old"},
  {"cancelling", "succeeded failed cancelled  cancelled  cancelled"},
  {"succeeded",  "old       old    old        old        old"},
  {"failed",     "old       old    old        old        old"},
  {"cancelled",  "old       old    old        old        old"},
  {"expired",    "old       old    old        old        old"},
  {"dead",       "old       old    old        old        old"},
}};
// clang-format on

std::vector<std::string> words(std::string_view line) {
  std::istringstream text{std::string(line)};
  return {std::istream_iterator<std::string>(text), {}};
}

std::string_view word(const step& s) {
  if (s.why == errc::ok) return to_string(s.next.state);
  if (s.why == errc::stale) return "old";
  return s.why == errc::conflict ? "no" : "an error of another kind";
}

}  // namespace

TEST_CASE("every state answers every input as the table says, and keeps every law") {
  for (auto state : all_states()) {
    const auto& row = table[static_cast<size_t>(state)];
    REQUIRE(row.from == to_string(state));
    auto j = make_job(state);
    auto inputs = all_inputs(j.lease_epoch);
    auto expected = words(row.to);
    REQUIRE(inputs.size() == expected.size());
    for (size_t i = 0; i < inputs.size(); ++i) {
      CAPTURE(row.from);
      CAPTURE(input_names[i]);
      REQUIRE(inputs[i].index() == i);
      auto s = advance(j, inputs[i], now);
      CHECK(word(s) == expected[i]);
      CHECK(broken_law(j, inputs[i], s, now) == "");
    }
  }
}

TEST_CASE("every state answers every outcome of a run as the table says, and keeps every law") {
  for (auto state : all_states()) {
    const auto& row = finishes[static_cast<size_t>(state)];
    REQUIRE(row.from == to_string(state));
    auto j = make_job(state);
    auto expected = words(row.to);
    REQUIRE(expected.size() == 5);
    for (int o = 0; o < 5; ++o) {
      CAPTURE(row.from);
      CAPTURE(o);
      any_job_input input = finish(j.lease_epoch, static_cast<run_outcome>(o));
      auto s = advance(j, input, now);
      CHECK(word(s) == expected[static_cast<size_t>(o)]);
      CHECK(broken_law(j, input, s, now) == "");
    }
  }
}

TEST_CASE("a message of another grant is stale in every state, whatever it says") {
  constexpr auto far = std::numeric_limits<int64_t>::max();
  for (auto state : all_states()) {
    auto j = make_job(state);
    for (int64_t e : {j.lease_epoch - 1, j.lease_epoch + 1, int64_t{-1}, far, -far - 1}) {
      for (const auto& input : epoch_inputs(e)) {
        CAPTURE(state);
        CAPTURE(e);
        CAPTURE(input.index());
        auto s = advance(j, input, now);
        CHECK(s.why == errc::stale);
        CHECK(does_nothing(s));
      }
    }
  }
}

TEST_CASE("a terminal job answers nothing, neither new nor old nor late") {
  for (auto state : all_states()) {
    if (!is_terminal(state)) continue;
    auto j = make_job(state);
    for (auto e : {j.lease_epoch - 1, j.lease_epoch, j.lease_epoch + 1}) {
      auto inputs = all_inputs(e);
      for (const auto& more : epoch_inputs(e)) inputs.push_back(more);
      for (const auto& input : inputs) {
        CAPTURE(state);
        CAPTURE(input.index());
        auto s = advance(j, input, now + 1'000'000'000);
        CHECK(s.why != errc::ok);
        CHECK(does_nothing(s));
      }
    }
  }
}

TEST_CASE("every live state has an input that leads out of it") {
  for (auto state : all_states()) {
    if (is_terminal(state)) continue;
    CAPTURE(state);
    auto j = make_job(state);
    int ways = 0, ends = 0;
    for (const auto& input : all_inputs(j.lease_epoch)) {
      auto s = advance(j, input, now);
      ways += s.why == errc::ok && s.next.state != state;
      ends += s.settle.has_value();
    }
    CHECK(ways >= 1);
    CHECK(ends >= 1);
  }
}

TEST_CASE("the same job and input give the same step") {
  for (auto state : all_states()) {
    auto j = make_job(state);
    for (const auto& input : all_inputs(j.lease_epoch)) {
      auto a = advance(j, input, now, 123'456), b = advance(j, input, now, 123'456);
      CHECK(a.why == b.why);
      CHECK(a.next == b.next);
      CHECK(j == make_job(state));
    }
  }
}

TEST_CASE("every state has one public word") {
  const std::array<std::string_view, 13> words{"queued",     "queued", "queued",     "processing", "processing",
                                               "processing", "queued", "cancelling", "completed",  "failed",
                                               "cancelled",  "failed", "failed"};
  for (auto state : all_states()) {
    CAPTURE(state);
    CHECK(public_status(state) == words[static_cast<size_t>(state)]);
    CHECK(to_string(state) == table[static_cast<size_t>(state)].from);
  }
}
