// What a job must hold before it may queue: the book, the formula, and the numbers that do not fit.
#include "model/pricing.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

submission timed(int64_t timeout_ms = 3'600'000) {
  submission s;
  s.spec.kind = job_kind::process;
  s.spec.timeout_ms = timeout_ms;
  return s;
}

job planned(submission s, int64_t fee_bps = 500) {
  auto p = plan_job(s, "job_01ABC", "user_1", fee_bps, 1'000);
  REQUIRE(std::holds_alternative<job>(p));
  return std::get<job>(p);
}

failure refused(submission s, int64_t fee_bps = 500) {
  auto p = plan_job(s, "job_01ABC", "user_1", fee_bps, 1'000);
  REQUIRE(std::holds_alternative<failure>(p));
  return std::get<failure>(p);
}

}  // namespace

TEST_CASE("an hour without a GPU holds 0.25 and the fee") {
  auto j = planned(timed());
  CHECK(j.hold == 262'500'000);
  CHECK(j.currency == asset::dgpu);
  CHECK(j.pricing == pricing_mode::by_time);
  CHECK(j.hold_id == "hold_01ABC");
  CHECK(j.state == job_state::queued);
  CHECK(planned(timed(), 0).hold == 250'000'000);
}

TEST_CASE("a hold is rounded up, never down") {
  CHECK(planned(timed(1), 0).hold == 70);    // 69.44
  CHECK(planned(timed(1), 500).hold == 74);  // 70 + 3.5
}

TEST_CASE("a GPU is priced by the number of devices, and called by its key from then on") {
  for (auto name : {"NVIDIA-H200", "h200", "NVIDIA H200 NVL"}) {
    auto s = timed();
    s.spec.needs.gpu_type = name;
    s.spec.needs.gpu_count = 3;
    auto p = plan_job(s, "job_1", "user_1", 0, 1'000);
    REQUIRE(std::holds_alternative<job>(p));
    CHECK(std::get<job>(p).hold == 15 * one);
    CHECK(s.spec.needs.gpu_type == "nvidia-h200");  // so that it matches what nodes offer
    CHECK(s.spec.needs.rate_max == 15 * one);
  }
}

TEST_CASE("an unknown GPU is refused with the keys that are known") {
  auto s = timed();
  s.spec.needs.gpu_type = "voodoo-2";
  auto f = refused(s);
  CHECK(f.code == errc::rate_unknown);
  CHECK(f.detail.find("nvidia-h200") != std::string::npos);
  s.rate_max = 5 * one;  // a bound of one's own does not make the GPU known
  CHECK(refused(s).code == errc::rate_unknown);
}

TEST_CASE("the operator's book is the one that counts") {
  price_book book;
  book.gpus["voodoo-2"] = one;
  book.models["gpt-4"] = {2 * one, 4 * one, 0, one};
  auto s = timed();
  s.spec.needs.gpu_type = "voodoo-2";
  CHECK(std::get<job>(plan_job(s, "job_1", "user_1", 0, 1'000, book)).hold == one);
  s = submission{};
  s.spec.kind = job_kind::inference;
  s.spec.needs.model = "gpt-4";
  s.prompt_bytes = s.max_tokens = 1'000'000;
  auto j = std::get<job>(plan_job(s, "job_1", "user_1", 0, 1'000, book));
  CHECK(j.hold == 6 * one);  // nothing of the prompt may be cached
  CHECK(j.price_cached == one);
}

TEST_CASE("an inclusive fee adds nothing to the hold, and the request's word beats the book's") {
  auto s = timed();
  CHECK_FALSE(planned(s).fee_inclusive);
  s.fee_inclusive = true;
  CHECK(planned(s).fee_inclusive);
  CHECK(planned(s).hold == 250'000'000);
  price_book book;
  book.fee_inclusive = true;
  s.fee_inclusive = {};
  CHECK(std::get<job>(plan_job(s, "job_1", "user_1", 500, 1'000, book)).hold == 250'000'000);
  s.fee_inclusive = false;
  CHECK(std::get<job>(plan_job(s, "job_1", "user_1", 500, 1'000, book)).hold == 262'500'000);
}

TEST_CASE("a job remembers the key that it came with") {
  auto s = timed();
  s.key_id = "key_1";
  CHECK(planned(s).key_id == "key_1");
}

TEST_CASE("a bound of one's own is what is held, above or below the book") {
  auto s = timed();
  s.rate_max = one;
  CHECK(planned(s, 0).hold == one);
  s.rate_max = 1;
  CHECK(planned(s, 0).hold == 1);
}

TEST_CASE("a price that does not fit is refused, not wrapped") {
  auto s = timed(24LL * 3'600'000);
  s.rate_max = INT64_MAX;
  CHECK(refused(s).code == errc::invalid);
  s = timed();
  s.rate_max = INT64_MAX;  // fits without the fee, not with it
  CHECK(planned(s, 0).hold == INT64_MAX);
  CHECK(refused(s, 1).code == errc::invalid);
  s.spec.kind = job_kind::inference;
  s.prompt_bytes = INT64_MAX;
  s.max_tokens = INT64_MAX;
  CHECK(refused(s).code == errc::invalid);
  s = timed();
  s.spec.needs.gpu_type = "voodoo-2";
  s.spec.needs.gpu_count = 64;
  price_book book;
  book.gpus["voodoo-2"] = INT64_MAX / 63;
  auto p = plan_job(s, "job_1", "user_1", 0, 1'000, book);
  REQUIRE(std::holds_alternative<failure>(p));
  CHECK(std::get<failure>(p).code == errc::invalid);
}

TEST_CASE("an AI call holds its worst case in CREDIT, at least the minimum of its model") {
  submission s;
  s.spec.kind = job_kind::inference;
  s.spec.needs.model = "gpt-4";
  s.prompt_bytes = 1'000;
  s.max_tokens = 1'000;
  auto j = planned(s, 0);
  CHECK(j.currency == asset::credit);
  CHECK(j.pricing == pricing_mode::by_token);
  CHECK(j.hold == 60'000'000);
  CHECK(s.spec.needs.rate_max == 0);
  s.max_tokens = 1;
  CHECK(planned(s, 0).hold == 33'000'000);  // 100 tokens at least
  s.spec.needs.model = "some-model-of-a-node";
  s.max_tokens = 1'000;
  CHECK(planned(s, 0).hold == 2'000'000);
}

TEST_CASE("the hold is enough for the longest run at the dearest node that may match") {
  for (int64_t timeout_ms : {1, 999, 60'000, 3'600'000, 86'400'000}) {
    for (int64_t fee_bps : {0, 1, 250, 500, 10'000}) {
      auto s = timed(timeout_ms);
      s.rate_max = 333'333'333;
      auto j = planned(s, fee_bps);
      j.node_rate = *s.rate_max;
      auto paid = price_of(j, timeout_ms, 0, 0);
      CHECK(paid.subtotal == *mul_div_ceil(*s.rate_max, timeout_ms, 3'600'000));
      CHECK(paid.subtotal + paid.fee <= j.hold);
    }
  }
}

TEST_CASE("a currency of one's own is kept, and a time to come makes the job wait") {
  auto s = timed();
  s.currency = asset::fog;
  s.run_at_ms = 2'000;
  auto j = planned(s);
  CHECK(j.currency == asset::fog);
  CHECK(j.state == job_state::scheduled);
  s.run_at_ms = 1'000;
  CHECK(planned(s).state == job_state::queued);
}
