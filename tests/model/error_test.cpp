// The words that machines read never change, and a refusal says what it is about.
#include <doctest/doctest.h>

#include <set>
#include <string>

#include "model/change.hpp"

using namespace troupe;

TEST_CASE("every error has a word of its own") {
  const char* words[] = {"ok",        "invalid",    "unauthenticated",    "forbidden",      "not_found",
                         "conflict",  "key_reused", "insufficient_funds", "limit_exceeded", "queue_full",
                         "too_large", "stale",      "rate_unknown",       "unavailable",    "timeout",
                         "internal"};
  int code = 0;
  for (auto word : words) CHECK(to_string(static_cast<errc>(code++)) == word);
  CHECK(code == static_cast<int>(errc::internal) + 1);
}

TEST_CASE("every way an attempt ends has a word of its own") {
  const char* words[] = {"open", "succeeded", "failed", "timed_out", "lost", "rejected", "cancelled"};
  int code = 0;
  for (auto word : words) CHECK(to_string(static_cast<attempt_outcome>(code++)) == word);
  CHECK(code == static_cast<int>(attempt_outcome::cancelled) + 1);
}

TEST_CASE("every transfer code has a word of its own") {
  std::set<std::string_view> words;
  for (auto code : {transfer_code::deposit, transfer_code::hold, transfer_code::provider_share,
                    transfer_code::platform_fee, transfer_code::release, transfer_code::grant}) {
    CHECK(to_string(code) != "transfer");
    CHECK(words.insert(to_string(code)).second);
  }
}

TEST_CASE("too little money is refused with what was needed and what was there") {
  change_result x;
  x.why = errc::insufficient_funds;
  x.detail = "hold of job-1";
  x.required = 262'500'000;
  x.available = one;
  auto f = to_failure(x);
  CHECK(f.code == errc::insufficient_funds);
  CHECK(f.detail == "hold of job-1");
  CHECK(f.required == "0.2625");
  CHECK(f.balance == "1");
}

TEST_CASE("another refusal tells nothing about money") {
  change_result x;
  x.why = errc::conflict;
  x.detail = "job-1 moved on";
  x.required = x.available = one;
  auto f = to_failure(x);
  CHECK(f.code == errc::conflict);
  CHECK(f.detail == "job-1 moved on");
  CHECK(f.required.empty());
  CHECK(f.balance.empty());
}
