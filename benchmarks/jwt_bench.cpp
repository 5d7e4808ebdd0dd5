// What it costs to look at the token of a request: the first time, and when it was looked at before.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <vector>

#include "config/world.hpp"
#include "http/token_keys.hpp"

using namespace troupe;

namespace {

constexpr int rounds = 20'000;
constexpr time_ms now = 1'800'000'000'000;

template <class F>
void measure(const char* what, F f) {
  std::vector<int64_t> taken;
  for (int i = 0; i < rounds; ++i) {
    auto start = std::chrono::steady_clock::now();
    if (!f(i)) std::abort();
    taken.push_back((std::chrono::steady_clock::now() - start).count());
  }
  std::sort(taken.begin(), taken.end());
  auto at = [&](double share) { return static_cast<double>(taken[static_cast<size_t>(share * (rounds - 1))]) / 1000; };
  std::printf("%-34s p50 %7.2f us  p99 %7.2f us\n", what, at(0.5), at(0.99));
}

}  // namespace

int main() {
  for (auto algorithm : {"HS256", "RS256"}) {
    token_keys keys{"a secret of enough bytes for anyone", algorithm};
    keys.take({{"first", keys.owner(), algorithm, fresh_signing_secret(algorithm), now, 0}});
    token_claims who{new_id("user"), new_id("ses"), "somebody@example.org", "somebody",
                     "user",         "pro",         {"read", "write"}};
    auto token = keys.issue(who, 3600, now);
    auto name = [&](const char* what) { return std::string{algorithm} + " " + what; };
    measure(name("sign").c_str(), [&](int) { return !keys.issue(who, 3600, now).empty(); });
    measure(name("check, all of it").c_str(), [&](int) { return keys.check(token, now).has_value(); });
    measure(name("check, seen before").c_str(), [&](int) { return keys.session_of(token, now).has_value(); });
    measure(name("check, a bad one").c_str(), [&](int) { return !keys.session_of(token + "A", now); });
  }
}
