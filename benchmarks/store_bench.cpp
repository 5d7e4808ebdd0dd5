// Whole lives of jobs per second through the store alone, one thread, durable commits:
//   store_bench [--data-dir D] [--jobs N] [--users N] [--verify no] [--first N]
// --first N goes on in an existing folder from job N, to see what old jobs cost. A life is four changes: submit (job,
// spec, hold, journal, event, idempotency), claim, start, finish (money and all).
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <filesystem>
#include <map>
#include <vector>

#include "persistence/store.hpp"
#include "tests/support/lives.hpp"

using namespace troupe;
using namespace troupe::lives;
using steady = std::chrono::steady_clock;

namespace {

struct plan {
  std::string data_dir = "store_bench_data";
  int64_t jobs = 20'000;
  int64_t users = 100;
  int64_t first = 0;
  bool verify = true;
};

/// What this thread has used of a processor: the figure that a busy machine does not spoil.
double cpu_seconds() {
  timespec t{};
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
  return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

/// Groups of `size` changes, each group one commit; remembers how long the slow ones took.
class grouped {
public:
  grouped(store_writer& w, size_t size) : w_{w}, size_{size} {}

  void apply(const change& c) {
    if (in_group_ == 0) w_.begin();
    auto r = w_.apply(c, begin_ms);
    if (r.why != errc::ok) throw std::runtime_error{"refused: " + r.detail};
    if (++in_group_ == size_) flush();
  }
  void flush() {
    if (in_group_ == 0) return;
    auto from = steady::now();
    w_.commit();
    commit_us_.push_back(std::chrono::duration<double, std::micro>(steady::now() - from).count());
    in_group_ = 0;
  }
  double commit_us(double part) {
    std::sort(commit_us_.begin(), commit_us_.end());
    return commit_us_[static_cast<size_t>(part * static_cast<double>(commit_us_.size() - 1))];
  }

private:
  store_writer& w_;
  size_t size_;
  size_t in_group_ = 0;
  std::vector<double> commit_us_;
};

void give_money(store_writer& w, const std::string& user, const std::string& id) {
  change c;
  c.transfers.push_back({id,
                         transfer_code::grant,
                         {std::string{platform_owner}, account_kind::issuance, asset::dgpu},
                         wallet_of(user),
                         one * 1'000'000,
                         "for the benchmark"});
  w.begin();
  if (w.apply(c, begin_ms).why != errc::ok) throw std::runtime_error{"no money"};
  w.commit();
}

/// `wave` jobs are alive at once, as under load.
void measure(const plan& p, store_writer& w, size_t group, int64_t& next) {
  constexpr int64_t wave = 1'000;
  auto jobs = group == 1 ? p.jobs / 10 : p.jobs;
  std::map<std::string, double> seconds;
  grouped g{w, group};
  auto cpu = cpu_seconds();
  auto timed = [&](const char* what, auto&& all) {
    auto from = steady::now();
    all();
    g.flush();
    seconds[what] += std::chrono::duration<double>(steady::now() - from).count();
  };
  for (int64_t done = 0; done < jobs; done += wave) {
    std::vector<life> lives;
    for (int64_t i = 0; i < wave; ++i, ++next) lives.emplace_back(next, id_of("user", next % p.users), true);
    timed("submit", [&] {
      for (auto& x : lives) g.apply(x.submit());
    });
    timed("claim", [&] {
      for (auto& x : lives) g.apply(x.claim(id_of("node", 1), id_of("user", 0)));
    });
    timed("start", [&] {
      for (auto& x : lives) g.apply(x.start());
    });
    timed("finish", [&] {
      for (auto& x : lives) g.apply(x.finish());
    });
  }
  cpu = cpu_seconds() - cpu;
  double all = 0;
  for (const auto& [what, s] : seconds) all += s;
  auto rate = [&](double s) { return static_cast<double>(jobs) / s; };
  std::printf(
      "%3zu changes/commit: %8.0f lives/s  (submit %.0f/s, claim %.0f/s, start %.0f/s, finish %.0f/s;"
      " %.0f us of processor a life; commit p50 %.0f us, p99 %.0f us, max %.0f us)\n",
      group, rate(all), rate(seconds["submit"]), rate(seconds["claim"]), rate(seconds["start"]),
      rate(seconds["finish"]), cpu * 1e6 / static_cast<double>(jobs), g.commit_us(0.5), g.commit_us(0.99),
      g.commit_us(1));
  std::fflush(stdout);
}

plan read_plan(int argc, char** argv) {
  plan p;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    if (name == "--data-dir") p.data_dir = argv[i + 1];
    if (name == "--jobs") p.jobs = std::atoll(argv[i + 1]);
    if (name == "--users") p.users = std::atoll(argv[i + 1]);
    if (name == "--first") p.first = std::atoll(argv[i + 1]);
    if (name == "--verify") p.verify = std::string{argv[i + 1]} != "no";
  }
  return p;
}

}  // namespace

int main(int argc, char** argv) {
  auto p = read_plan(argc, argv);
  if (p.first == 0) std::filesystem::remove_all(p.data_dir);
  auto db = open_store(p.data_dir, "");
  auto w = db->open_writer();
  for (int64_t i = 0; i < p.users; ++i) give_money(*w, id_of("user", i), "grant_" + std::to_string(i));
  auto next = std::max<int64_t>(1, p.first);
  for (size_t group : {size_t{1}, size_t{10}, size_t{100}}) measure(p, *w, group, next);
  if (!p.verify) return 0;
  auto from = steady::now();
  auto found = db->verify();
  for (const auto& b : found.breaches) std::printf("breach: %s\n", b.c_str());
  std::printf("verify: %lld jobs, %lld journal rows in %.2f s\n", static_cast<long long>(found.jobs),
              static_cast<long long>(found.journal_rows), std::chrono::duration<double>(steady::now() - from).count());
  return found.breaches.empty() ? 0 : 1;
}
