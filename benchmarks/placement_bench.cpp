// Placements per second over many nodes, one thread: each round submits a job, matches it, and ends an old one, in a
// cluster that is nearly full and in which most jobs ask for something of their own.
//   placement_bench [--nodes N] [--seconds S] [--full PERCENT]
#include <time.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <random>

#include "model/placement.hpp"

using namespace troupe;

namespace {

/// Processor time of this thread: what others do on the machine is not ours.
double now_ms() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) * 1e3 + static_cast<double>(t.tv_nsec) / 1e6;
}

struct world {
  std::mt19937_64 random{7};
  placement board;
  int64_t made = 0, slots = 0;

  int64_t pick(int64_t least, int64_t most) { return std::uniform_int_distribution<int64_t>{least, most}(random); }
  bool chance(int percent) { return pick(1, 100) <= percent; }
  template <size_t N>
  auto any(const int64_t (&of)[N]) {
    return of[static_cast<size_t>(pick(0, N - 1))];
  }
  std::string gpu() {
    static const char* const kinds[] = {"rtx-4090", "l40s", "a100", "h200"};
    return kinds[pick(0, 3)];
  }

  /// Half of the nodes have GPUs, one to eight of one kind; prices, places, labels, trust and sizes are mixed.
  void add_node(int64_t i) {
    static const std::pair<const char*, int64_t> kinds[] = {
        {"rtx-4090", 24'000}, {"l40s", 48'000}, {"a100", 80'000}, {"h200", 141'000}};
    node_offer n;
    n.id = "node_" + std::to_string(i);
    n.user_id = "provider_" + std::to_string(i % 500);
    n.region = "region_" + std::to_string(pick(0, 7));
    n.slots = static_cast<int32_t>(any({4, 8, 16}));
    n.rate = one / 4 + pick(0, 100) * (one / 100);
    if (i % 2 == 0) {
      auto [model, vram_mb] = kinds[pick(0, 3)];
      for (auto k = any({1, 1, 2, 4, 8}); k > 0; --k) n.gpus.push_back({model, vram_mb});
      n.rate *= 4;
    }
    n.labels = {{"zone", std::to_string(pick(0, 31))}};
    if (chance(10)) n.labels.push_back({"disk", "nvme"});
    n.cpu_cores = static_cast<int32_t>(any({8, 32, 64}));
    n.memory_mb = n.cpu_cores * 4'000;
    n.disk_mb = 1'000'000;
    n.trust_ppm = static_cast<int32_t>(pick(3, 10)) * 100'000;
    n.reliability_ppm = static_cast<int32_t>(pick(80, 100)) * 10'000;
    slots += n.slots;
    board.put_node(std::move(n));
  }

  ready_job job() {
    ready_job j;
    j.id = "job_" + std::to_string(made++);
    j.user_id = "user_" + std::to_string(pick(0, 999));
    j.priority = static_cast<int32_t>(pick(0, 9));
    if (chance(50)) {
      j.needs.gpu_type = gpu();
      j.needs.vram_mb = any({4'000, 8'000, 10'000, 16'000, 20'000});
      if (chance(5)) j.needs.gpu_count = 2;
      j.needs.spread = chance(10);
    }
    j.needs.cpu_cores = static_cast<int32_t>(any({0, 1, 2}));
    j.needs.memory_mb = any({0, 1'000, 4'000});
    if (chance(30)) j.needs.region = "region_" + std::to_string(pick(0, 7));
    if (chance(10)) j.needs.labels = {{"zone", std::to_string(pick(0, 31))}};
    if (chance(10)) j.needs.labels.push_back({"disk", "nvme"});
    std::sort(j.needs.labels.begin(), j.needs.labels.end());
    if (chance(20)) j.needs.min_trust_ppm = 500'000;
    if (chance(80)) j.needs.rate_max = (j.needs.gpu_type.empty() ? 1 : 4) * one + pick(0, 30) * (one / 10);
    return j;
  }
};

int64_t number(int argc, char** argv, const std::string& name, int64_t otherwise) {
  for (int i = 1; i + 1 < argc; i += 2)
    if (name == argv[i]) return std::atoll(argv[i + 1]);
  return otherwise;
}

}  // namespace

int main(int argc, char** argv) {
  world w;
  auto nodes = number(argc, argv, "--nodes", 10'000);
  for (int64_t i = 0; i < nodes; ++i) w.add_node(i);
  std::deque<placed> running;
  auto place = [&] {
    w.board.add(w.job(), 0);
    auto grants = w.board.match(8);
    for (auto& g : grants) running.push_back(std::move(g));
  };
  auto full = static_cast<size_t>(w.slots * number(argc, argv, "--full", 80) / 100);
  for (size_t tries = 0; running.size() < full && tries < 3 * full; ++tries) place();
  std::vector<double> took;
  size_t placed_count = 0;
  double seconds = 0;
  while (seconds < static_cast<double>(number(argc, argv, "--seconds", 3))) {
    auto j = w.job();
    auto start = now_ms();
    auto before = running.size();
    w.board.add(std::move(j), 0);
    for (auto& g : w.board.match(8)) running.push_back(std::move(g));
    placed_count += running.size() - before;
    while (running.size() > full) {
      w.board.release(running.front().node_id, running.front().job_id);
      running.pop_front();
    }
    auto end = now_ms();
    took.push_back(end - start);
    seconds += (end - start) / 1e3;  // making up jobs is not the board's work
  }
  std::sort(took.begin(), took.end());
  std::printf("%.0f placements/s, p50 %.4f ms, p99 %.4f ms, worst %.3f ms, %lld nodes, %zu running, %zu waiting\n",
              static_cast<double>(placed_count) / seconds, took[took.size() / 2], took[took.size() * 99 / 100],
              took.back(), static_cast<long long>(nodes), running.size(), w.board.waiting());
}
