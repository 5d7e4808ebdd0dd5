// Worlds with a seed each; a failure names the seed of its world, which is the first world of that seed.
#include "tests/simulate/run.hpp"

#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string_view>

#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

constexpr int64_t steps_per_world = 10'000;
constexpr int64_t steps_of_a_walk = 100'000;

constexpr std::array must_meet{
    "a request: ok",
    "a request: insufficient_funds",
    "a request: conflict",
    "a request: invalid",
    "a request again",
    "a key with another request",
    "a job succeeded",
    "a job failed",
    "a job cancelled",
    "a job dead",
    "a job expired",
    "a job behind its parents",
    "a job without one of its parents",
    "a redrive: ok",
    "a redrive: insufficient_funds",
    "a request: not_found",
    "refused: a job that goes on without its parents",
    "refused: a new life that is not due",
    "a late finisher paid",
    "a cancel too late",
    "a cancelled run paid",
    "a job that no node would start",
    "a hold used up",
    "a hold that grew",
    "a hold that could not grow",
    "a preempted run paid",
    "several preempted runs paid",
    "a job that was its nodes' end",
    "a message that changed nothing",
    "a tab: ok",
    "a tab: conflict",
    "a tab: stale",
    "a tab: insufficient_funds",
    "a tab: limit_exceeded",
    "a maturing: ok",
    "a maturing: conflict",
    "a correction: ok",
    "a correction: conflict",
    "a correction: insufficient_funds",
    "a group rolled back",
    "a death before a commit",
    "a death after a commit",
    "a power cut before a commit",
    "a power cut after a commit",
    "refused: a step from an old row",
    "refused: a bad end of a hold",
    "refused: a bad hold",
    "refused: a step that skips, repeats or turns back",
    "refused: a change of which one part is bad",
};

[[noreturn]] void usage() {
  std::fputs("simulate [--seed N] [--steps N] [--postgres]\n", stderr);
  std::exit(2);
}

int64_t number(const char* text) {
  char* end = nullptr;
  auto value = text ? std::strtoll(text, &end, 10) : -1;
  if (text == nullptr || end == text || *end != '\0' || value < 0) usage();
  return value;
}

void report(uint64_t seed, int64_t steps, bool postgres, const world& w, const char* why) {
  for (auto& line : w.history()) std::printf("  %s\n", line.c_str());
  std::printf("BROKEN at step %lld: %s\n", static_cast<long long>(w.step()), why);
  std::printf("again: ./dev simulate --seed %llu --steps %lld%s\n", static_cast<unsigned long long>(seed),
              static_cast<long long>(steps), postgres ? " --postgres" : "");
}

bool run_world(uint64_t seed, int64_t steps, bool postgres, counters& count) {
  scratch_folder folder;
  std::optional<scratch_database> database;
  if (postgres) database.emplace();
  world w{seed, folder.path(), database ? database->uri() : "", count};
  try {
    w.run(steps);
    return true;
  } catch (const std::exception& e) {
    report(seed, steps, postgres, w, e.what());
    return false;
  }
}

/// A walk that no longer comes by here proves less than it seems to.
bool met_enough(const counters& c) {
  auto enough = true;
  for (auto what : must_meet) {
    if (c.met.count(what)) continue;
    std::printf("never met: %s\n", what);
    enough = false;
  }
  return enough;
}

}  // namespace

options read_options(char** argv, options o) {
  for (int i = 1; argv[i]; ++i) {
    std::string_view name = argv[i];
    if (name == "--seed")
      o.seed = static_cast<uint64_t>(number(argv[++i]));
    else if (name == "--steps")
      o.steps = number(argv[++i]);
    else if (name == "--postgres")
      o.postgres = true;
    else
      usage();
  }
  return o;
}

int run(const options& o) {
  std::printf("seed %llu, %lld steps\n", static_cast<unsigned long long>(o.seed), static_cast<long long>(o.steps));
  std::fflush(stdout);
  counters count;
  for (auto seed = o.seed; count.steps < o.steps; seed = seed_after(seed))
    if (!run_world(seed, std::min(steps_per_world, o.steps - count.steps), o.postgres, count)) return 1;
  std::printf("clean: %lld steps in %lld worlds, %lld changes in %lld groups, %lld audits\n",
              static_cast<long long>(count.steps), static_cast<long long>(count.worlds),
              static_cast<long long>(count.changes), static_cast<long long>(count.groups),
              static_cast<long long>(count.audits));
  for (auto& [what, n] : count.met) std::printf("%9lld  %s\n", static_cast<long long>(n), what.c_str());
  return o.steps < steps_of_a_walk || met_enough(count) ? 0 : 1;
}

}  // namespace simulate
