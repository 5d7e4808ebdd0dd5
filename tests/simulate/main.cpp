// simulate [--seed N] [--steps N]: random lives of money and jobs against a naive twin, world after world.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "tests/simulate/world.hpp"

namespace {

constexpr int64_t steps_per_world = 10'000;

struct options {
  uint64_t seed = std::random_device{}();
  int64_t steps = 1'000'000;
};

void usage() {
  std::fputs("simulate [--seed N] [--steps N]\n", stderr);
  std::exit(2);
}

int64_t number(const char* text) {
  char* end = nullptr;
  auto value = text ? std::strtoll(text, &end, 10) : -1;
  if (text == nullptr || end == text || *end != '\0' || value < 0) usage();
  return value;
}

options read_options(char** argv) {
  options o;
  for (int i = 1; argv[i]; i += 2) {
    std::string_view name = argv[i];
    if (name == "--seed")
      o.seed = static_cast<uint64_t>(number(argv[i + 1]));
    else if (name == "--steps")
      o.steps = number(argv[i + 1]);
    else
      usage();
  }
  return o;
}

void report(uint64_t seed, int64_t steps, const simulate::world& w, const char* why) {
  for (auto& line : w.history()) std::printf("  %s\n", line.c_str());
  std::printf("BROKEN at step %lld: %s\n", static_cast<long long>(w.step()), why);
  std::printf("again: ./dev simulate --seed %llu --steps %lld\n", static_cast<unsigned long long>(seed),
              static_cast<long long>(steps));
}

bool run_world(uint64_t seed, int64_t steps, simulate::counters& count) {
  simulate::scratch_folder folder;
  simulate::world w{seed, folder.path(), count};
  try {
    w.run(steps);
    return true;
  } catch (const std::exception& e) {
    report(seed, steps, w, e.what());
    return false;
  }
}

}  // namespace

int main(int, char** argv) {
  auto o = read_options(argv);
  std::printf("seed %llu, %lld steps\n", static_cast<unsigned long long>(o.seed), static_cast<long long>(o.steps));
  std::fflush(stdout);
  simulate::counters count;
  for (auto seed = o.seed; count.steps < o.steps; seed = simulate::seed_after(seed))
    if (!run_world(seed, std::min(steps_per_world, o.steps - count.steps), count)) return 1;
  std::printf("clean: %lld steps in %lld worlds, %lld groups (%lld lost), %lld crashes, %lld audits\n",
              static_cast<long long>(count.steps), static_cast<long long>(count.worlds),
              static_cast<long long>(count.groups), static_cast<long long>(count.lost_groups),
              static_cast<long long>(count.crashes), static_cast<long long>(count.audits));
  return 0;
}
