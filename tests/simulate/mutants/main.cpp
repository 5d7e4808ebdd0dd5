// simulate_mutants [--seed N] [--steps N]: breaks each rule once, each in a process of its own, and expects the
// simulator to find it within so many steps of this seed, or of one of the next two. TROUPE_MUTANT=NUMBER shows one of
// them as the simulator sees it.
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/simulate/mutants/list.hpp"
#include "tests/simulate/run.hpp"

/// Which rule is broken in this process; 0: none. Asked for before main begins, too.
int simulate_mutant() {
  static const int number = [] {
    auto* text = std::getenv("TROUPE_MUTANT");
    return text ? std::atoi(text) : 0;
  }();
  return number;
}

namespace {

struct ended {
  bool clean = false;
  std::string last_words;
};

std::string own_path() {
  std::array<char, PATH_MAX> path{};
  auto n = readlink("/proc/self/exe", path.data(), path.size() - 1);
  return {path.data(), n > 0 ? static_cast<size_t>(n) : 0};
}

/// In a process of its own: what is broken may also abort.
ended run_with(int number, const simulate::options& o) {
  auto call = "TROUPE_MUTANT=" + std::to_string(number) + " '" + own_path() + "' --seed " + std::to_string(o.seed) +
              " --steps " + std::to_string(o.steps) + " 2>&1";
  auto* child = popen(call.c_str(), "r");
  if (child == nullptr) return {true, "cannot start a process"};
  ended how;
  std::array<char, 1024> line{};
  while (fgets(line.data(), line.size(), child)) {
    std::string text = line.data();
    auto tells = text.starts_with("BROKEN") || text.find("Assertion") != std::string::npos;
    if (tells) how.last_words = text.substr(0, text.find_last_not_of('\n') + 1);
  }
  how.clean = pclose(child) == 0;
  return how;
}

/// A walk may pass by what a rule is for: then others are taken, too.
ended found_by(int number, simulate::options o) {
  ended how{true, {}};
  for (auto last = o.seed + 2; how.clean && o.seed <= last; ++o.seed) how = run_with(number, o);
  return how;
}

int run_all(const simulate::options& o) {
  auto& all = simulate::mutants();
  int alive = run_with(0, o).clean ? 0 : 1;
  if (alive) std::printf("not even the original is clean: see simulate --seed %llu\n", 0ULL + o.seed);
  for (size_t i = 0; i < all.size(); ++i) {
    auto how = found_by(static_cast<int>(i) + 1, o);
    alive += how.clean;
    std::printf("%s %2zu %.*s\n         %s\n", how.clean ? "MISSED  " : "found   ", i + 1,
                static_cast<int>(all[i].name.size()), all[i].name.data(), how.last_words.c_str());
    std::fflush(stdout);
  }
  std::printf("%zu mutants, %d missed\n", all.size(), alive);
  return alive == 0 ? 0 : 1;
}

}  // namespace

int main(int, char** argv) {
  auto o = simulate::read_options(argv, {1, 100'000, false});
  return simulate_mutant() > 0 || std::getenv("TROUPE_MUTANT") ? simulate::run(o) : run_all(o);
}
