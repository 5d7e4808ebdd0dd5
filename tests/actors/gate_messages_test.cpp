// What gateways say to each other arrives as it was sent, whichever alternative it is; garbage is refused.
#include <doctest/doctest.h>

#include <caf/binary_deserializer.hpp>
#include <caf/binary_serializer.hpp>

#include "actors/cluster.hpp"
#include "actors/house.hpp"

using namespace troupe;

namespace {

struct wire {
  caf::actor_system_config settings = [] {
    caf::actor_system_config c;
    add_types(c);
    c.set("scheduler.policy", caf::atom("testing"));
    return c;
  }();
  caf::actor_system system{settings};

  template <class M>
  std::vector<char> bytes_of(const M& x) {
    std::vector<char> bytes;
    caf::binary_serializer out{system, bytes};
    REQUIRE_FALSE(out(const_cast<M&>(x)));
    return bytes;
  }
  template <class M>
  M sent(const M& x) {
    auto bytes = bytes_of(x);
    M arrived;
    caf::binary_deserializer in{system, bytes};
    REQUIRE_FALSE(in(arrived));
    return arrived;
  }
};

}  // namespace

TEST_CASE("every kind of word to a job arrives as it was") {
  wire w;
  std::vector<any_job_input> all;
  all.push_back(job_input::due{});
  all.push_back(job_input::claim{"node_1", 7, "usr_1", 5 * one});
  all.push_back(job_input::start{9});
  all.push_back(job_input::progress{9, 500'000, "half"});
  run_report report;
  report.stdout_text = "hello";
  report.prompt_tokens = 12;
  all.push_back(job_input::finish{9, report, "node_1"});
  all.push_back(job_input::lost{9});
  all.push_back(job_input::cancel{});
  all.push_back(job_input::quarantine{"why"});
  for (auto& input : all) {
    CAPTURE(input.index());
    auto got = w.sent(tell_job{"job_1", input, true});
    CHECK(got.job_id == "job_1");
    CHECK(got.passed_on);
    REQUIRE(got.input.index() == input.index());
    CHECK(w.bytes_of(got) == w.bytes_of(tell_job{"job_1", input, true}));
  }
  auto finish = w.sent(tell_job{"job_1", all[4], false});
  CHECK(std::get<job_input::finish>(finish.input).report.stdout_text == "hello");
  CHECK(std::get<job_input::finish>(finish.input).report.prompt_tokens == 12);
}

TEST_CASE("a kind of word that we do not know is refused") {
  wire w;
  std::vector<char> bytes;
  caf::binary_serializer out{w.system, bytes};
  std::string id = "job_1";
  bool passed_on = false;
  uint32_t kind = 99;
  REQUIRE_FALSE(out(id, passed_on, kind));
  tell_job got;
  caf::binary_deserializer in{w.system, bytes};
  CHECK(in(got));
}

TEST_CASE("a job with and without its result arrives as it was") {
  wire w;
  job_view v;
  v.row.id = "job_1";
  v.row.cost = 3;
  v.spec.name = "a name";
  auto bare = w.sent(v);
  CHECK(bare.row == v.row);
  CHECK(bare.spec.name == "a name");
  CHECK_FALSE(bare.result);
  v.result.emplace().text = "done";
  auto full = w.sent(v);
  REQUIRE(full.result);
  CHECK(full.result->text == "done");
}

TEST_CASE("the market arrives as it was") {
  wire w;
  market_view m;
  m.devices.push_back({"node_1", "h100", 80'000, 1'000, true});
  m.waiting["h100"] = 4;
  m.waiting["a10"] = 1;
  auto got = w.sent(m);
  REQUIRE(got.devices.size() == 1);
  CHECK(got.devices[0].free_mb == 1'000);
  CHECK(got.waiting == m.waiting);
}

TEST_CASE("a question about limits, its answer, and what is under way arrive whole") {
  wire w;
  auto q = w.sent(use_quota{"user_1", "free", {{"gw_a", 1LL << 50, true}, "key_1", 7}, true});
  CHECK(q.user_id == "user_1");
  CHECK(q.tier == "free");
  CHECK(q.request.place == rate_place{"gw_a", 1LL << 50, true});
  CHECK(q.request.key_id == "key_1");
  CHECK(q.request.key_per_minute == 7);
  CHECK(q.passed_on);
  auto v = w.sent(rate_verdict{false, true, 10, 3, 1LL << 41, 900, 800, "10 requests a minute"});
  CHECK_FALSE(v.admitted);
  CHECK(v.placed);
  CHECK(v.limit == 10);
  CHECK(v.remaining == 3);
  CHECK(v.reset_ms == 1LL << 41);
  CHECK(v.retry_ms == 900);
  CHECK(v.settled_ms == 800);
  CHECK(v.why == "10 requests a minute");
  auto back = w.sent(quota_returned{"user_1", "gw_a", 9});
  CHECK(back.user_id == "user_1");
  CHECK(back.gateway == "gw_a");
  CHECK(back.number == 9);
  auto held = w.sent(quota_held{"user_1", {"gw_a", 9, true}});
  CHECK(held.user_id == "user_1");
  CHECK(held.place == rate_place{"gw_a", 9, true});
}
