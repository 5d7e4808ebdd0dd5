// What crosses the wire arrives as it was sent: every field, through CAF's own serializer.
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

  /// As a dynamically typed message, the way it travels.
  template <class M>
  M sent(const M& x) {
    std::vector<char> bytes;
    caf::binary_serializer out{system, bytes};
    auto message = caf::make_message(x);
    REQUIRE_FALSE(out(message));
    caf::message arrived;
    caf::binary_deserializer in{system, bytes};
    REQUIRE_FALSE(in(arrived));
    REQUIRE(arrived.match_elements<M>());
    return arrived.get_as<M>(0);
  }
};

const lease_ref one_lease{"job_1", 7}, other_lease{"job_2", 1LL << 40};

run_report full_report() {
  run_report r;
  r.outcome = run_outcome::node_fault;
  r.ran_ms = 123'456'789'012;
  r.exit_code = -9;
  r.stdout_text = std::string("line\n\0tail", 10);
  r.stderr_text = std::string(100'000, 'e');
  r.stdout_truncated = true;
  r.text = "h\xC3\xA9llo";
  r.finish_reason = "length";
  r.prompt_tokens = 11;
  r.completion_tokens = 22;
  r.artifacts = {{"a/b.bin", 1LL << 33, std::string(64, 'f')}, {"c", 0, ""}};
  r.error_code = "timeout";
  r.error_message = "too long";
  return r;
}

bool same(const run_report& a, const run_report& b) {
  auto files =
      std::equal(a.artifacts.begin(), a.artifacts.end(), b.artifacts.begin(), b.artifacts.end(),
                 [](auto& x, auto& y) { return x.name == y.name && x.bytes == y.bytes && x.sha256 == y.sha256; });
  return files && a.outcome == b.outcome && a.ran_ms == b.ran_ms && a.exit_code == b.exit_code &&
         a.stdout_text == b.stdout_text && a.stderr_text == b.stderr_text && a.stdout_truncated == b.stdout_truncated &&
         a.stderr_truncated == b.stderr_truncated && a.text == b.text && a.finish_reason == b.finish_reason &&
         a.prompt_tokens == b.prompt_tokens && a.completion_tokens == b.completion_tokens &&
         a.error_code == b.error_code && a.error_message == b.error_message;
}

}  // namespace

TEST_CASE("a join arrives with all that the node offers and holds") {
  wire w;
  join_node x{"key",
              "nonce",
              "proof",
              "name",
              "instance",
              "eu-north",
              8,
              250'000'001,
              {{"nvidia-h200", 141'000, 3, "GPU-0ab", "550.54", 700}, {"", 0}},
              {{"rack", "7"}},
              {"llama", "qwen"},
              {one_lease, other_lease},
              64,
              512'000,
              2'000'000};
  auto y = w.sent(x);
  CHECK(y.key_id == x.key_id);
  CHECK(y.nonce == x.nonce);
  CHECK(y.proof == x.proof);
  CHECK(y.name == x.name);
  CHECK(y.instance == x.instance);
  CHECK(y.region == x.region);
  CHECK(y.slots == x.slots);
  CHECK(y.rate == x.rate);
  REQUIRE(y.gpus.size() == 2);
  CHECK(y.gpus[0].model == "nvidia-h200");
  CHECK(y.gpus[0].vram_mb == 141'000);
  CHECK(y.gpus[0].index == 3);
  CHECK(y.gpus[0].uuid == "GPU-0ab");
  CHECK(y.gpus[0].driver == "550.54");
  CHECK(y.gpus[0].power_w == 700);
  CHECK(y.cpu_cores == 64);
  CHECK(y.memory_mb == 512'000);
  CHECK(y.disk_mb == 2'000'000);
  CHECK(y.labels == x.labels);
  CHECK(y.models == x.models);
  CHECK(y.holding == x.holding);
}

TEST_CASE("a welcome, a beat and its answer arrive whole") {
  wire w;
  node_welcome x{"node_1", 1LL << 35, 3'000, 10'000, {one_lease}};
  auto y = w.sent(x);
  CHECK(y.node_id == x.node_id);
  CHECK(y.session == x.session);
  CHECK(y.beat_interval_ms == x.beat_interval_ms);
  CHECK(y.lease_ttl_ms == x.lease_ttl_ms);
  CHECK(y.stop == x.stop);
  node_metrics m{1'500, 2'000, 3'000, {{99, 80'000, 650, 71}, {}}};
  auto b = w.sent(node_beat{42, {one_lease, other_lease}, m});
  CHECK(b.metrics == m);
  CHECK(b.session == 42);
  CHECK(b.holding == std::vector{one_lease, other_lease});
  CHECK_FALSE(w.sent(beat_reply{false}).known);
  CHECK(w.sent(beat_reply{true}).known);
}

TEST_CASE("orders, stops and acknowledgements arrive whole") {
  wire w;
  auto runs = w.sent(run_jobs{{{"job_1", 7, job_kind::inference, R"({"prompt":"é"})", 60'000, {{0, 24}, {3, 1}}}, {}}});
  REQUIRE(runs.orders.size() == 2);
  CHECK(runs.orders[0].job_id == "job_1");
  CHECK(runs.orders[0].epoch == 7);
  CHECK(runs.orders[0].kind == job_kind::inference);
  CHECK(runs.orders[0].params == R"({"prompt":"é"})");
  CHECK(runs.orders[0].timeout_ms == 60'000);
  CHECK(runs.orders[0].devices == std::vector<gpu_share>{{0, 24}, {3, 1}});
  CHECK(w.sent(stop_jobs{{other_lease}}).leases == std::vector{other_lease});
  auto ack = w.sent(report_ack{{one_lease}, {other_lease}});
  CHECK(ack.stored == std::vector{one_lease});
  CHECK(ack.stale == std::vector{other_lease});
}

TEST_CASE("a report arrives with the whole result of each job") {
  wire w;
  node_report x{9, {one_lease}, {{one_lease, 420'000, "nearly half"}}, {{other_lease, full_report()}}, {one_lease}};
  auto y = w.sent(x);
  CHECK(y.session == 9);
  CHECK(y.started == x.started);
  REQUIRE(y.progress.size() == 1);
  CHECK(y.progress[0].lease == one_lease);
  CHECK(y.progress[0].ppm == 420'000);
  CHECK(y.progress[0].message == "nearly half");
  REQUIRE(y.finished.size() == 1);
  CHECK(y.finished[0].lease == other_lease);
  CHECK(same(y.finished[0].report, full_report()));
  CHECK(y.rejected == x.rejected);
}

TEST_CASE("a failure keeps its code, its text and the two amounts on its way through an error") {
  wire w;
  failure f{errc::insufficient_funds, "not enough", "10.5", "3"};
  auto back = to_failure(to_error(f));
  CHECK(back.code == f.code);
  CHECK(back.detail == f.detail);
  CHECK(back.required == f.required);
  CHECK(back.balance == f.balance);
  CHECK(to_failure(caf::make_error(caf::sec::request_timeout)).code == errc::timeout);
  CHECK(to_failure(caf::make_error(caf::sec::request_receiver_down)).code == errc::unavailable);
  CHECK(to_failure(caf::make_error(caf::sec::runtime_error)).code == errc::internal);
}
