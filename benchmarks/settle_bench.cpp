// Settlements per second through the ledger actor, durable: a settlement is a hold, then its capture to provider and
// platform with the release of the rest, two messages, the second sent when the first was answered.
//   settle_bench [--data-dir D] [--database postgresql://...] [--wallets N] [--seconds S] [--in-flight N]
//                [--plain yes]  one transaction for each, without the actor: what the group commit is worth
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <future>

#include "actors/actors.hpp"
#include "actors/cluster.hpp"
#include "actors/exchange.hpp"
#include "config/log.hpp"

using namespace troupe;
using steady = std::chrono::steady_clock;

namespace {

struct plan {
  std::string data_dir = "settle_bench_data", database;
  int64_t wallets = 1'000, seconds = 3, in_flight = 512;
  bool plain = false;
};

constexpr amount held = 3 * one / 10, paid = one / 10, fee = one / 200;

account_key wallet(int64_t n) { return {"user_" + std::to_string(n), account_kind::available, asset::dgpu}; }
const account_key provider{"user_provider", account_kind::earned, asset::dgpu};

change hold_of(int64_t number, const plan& p) {
  change c;
  auto id = std::to_string(number);
  c.opens = hold_open{"hold_" + id, "bench_" + id, wallet(number % p.wallets), held, {}};
  return c;
}

change close_of(int64_t number) {
  change c;
  auto id = std::to_string(number);
  c.closes = hold_close{"hold_" + id, "bench_" + id, provider, {paid, fee}};
  return c;
}

void give_money(store_writer& w, const plan& p) {
  w.begin();
  for (int64_t i = 0; i < p.wallets; ++i) {
    change c;
    c.transfers.push_back({"grant_" + std::to_string(i),
                           transfer_code::grant,
                           {std::string{platform_owner}, account_kind::issuance, asset::dgpu},
                           wallet(i),
                           one * 1'000'000,
                           "for the benchmark"});
    if (w.apply(c, 1).why != errc::ok) throw std::runtime_error{"no money"};
  }
  w.commit();
}

struct score {
  int64_t settled = 0;
  double seconds = 0;
};

score one_by_one(store_writer& w, const plan& p) {
  score s;
  auto commit = [&](const change& c) {
    w.begin();
    if (w.apply(c, 1).why != errc::ok) throw std::runtime_error{"refused"};
    w.commit();
  };
  auto from = steady::now();
  while (s.seconds < static_cast<double>(p.seconds)) {
    commit(hold_of(s.settled, p));
    commit(close_of(s.settled));
    s.settled += 1;
    s.seconds = std::chrono::duration<double>(steady::now() - from).count();
  }
  return s;
}

/// As many settlements at a time as `in_flight`, each waiting for its own answers.
struct driver_state {
  driver_state() = default;
  ledger_actor ledger;
  plan p;
  int64_t next = 0, settled = 0, open = 0;
  steady::time_point from;
  std::shared_ptr<std::promise<score>> over;
};
using driver_actor = caf::typed_actor<told<tick>>;
using driver_pointer = driver_actor::stateful_pointer<driver_state>;

double spent(driver_pointer self) { return std::chrono::duration<double>(steady::now() - self->state.from).count(); }

template <class Next>
void commit(driver_pointer self, change c, Next next) {
  std::vector<change> all;
  all.push_back(std::move(c));
  self->request(self->state.ledger, caf::infinite, commit_changes{std::move(all)})
      .then(
          [next](const commit_results& r) {
            if (r.results.at(0).why != errc::ok) throw std::runtime_error{"refused: " + r.results[0].detail};
            next();
          },
          [](const caf::error&) { throw std::runtime_error{"the database is away"}; });
}

void settle(driver_pointer self) {
  auto& s = self->state;
  if (spent(self) >= static_cast<double>(s.p.seconds)) {
    if (--s.open == 0) s.over->set_value({s.settled, spent(self)});
    return;
  }
  auto number = s.next++;
  commit(self, hold_of(number, s.p), [self, number] {
    commit(self, close_of(number), [self] {
      self->state.settled += 1;
      settle(self);
    });
  });
}

driver_actor::behavior_type driver(driver_pointer self, ledger_actor ledger, plan p,
                                   std::shared_ptr<std::promise<score>> over) {
  self->state.ledger = std::move(ledger);
  self->state.p = std::move(p);
  self->state.over = std::move(over);
  return {[self](tick) {
    auto& s = self->state;
    s.from = steady::now();
    s.open = s.p.in_flight;
    for (int64_t i = 0; i < s.p.in_flight; ++i) settle(self);
  }};
}

score through_the_actor(store& db, const plan& p) {
  config settings;
  settings.data_dir = p.data_dir;
  auto caf_config = system_config();
  caf::actor_system system{*caf_config};
  house h{system, settings};
  h.actors.events.set(spawn_events(h));
  auto ledger = spawn_ledger(h, run_on::own_thread, db.open_writer());
  auto over = std::make_shared<std::promise<score>>();
  auto d = system.spawn(driver, ledger, p, over);
  caf::anon_send(d, tick{});
  auto got = over->get_future().get();
  caf::scoped_actor self{system};
  self->send_exit(ledger, caf::exit_reason::user_shutdown);
  self->send_exit(d, caf::exit_reason::user_shutdown);
  self->send_exit(h.actors.events.get(), caf::exit_reason::user_shutdown);
  h.actors.events.set({});
  return got;
}

plan read_plan(int argc, char** argv) {
  plan p;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    if (name == "--data-dir") p.data_dir = argv[i + 1];
    if (name == "--database") p.database = argv[i + 1];
    if (name == "--wallets") p.wallets = std::atoll(argv[i + 1]);
    if (name == "--seconds") p.seconds = std::atoll(argv[i + 1]);
    if (name == "--in-flight") p.in_flight = std::atoll(argv[i + 1]);
    if (name == "--plain") p.plain = true;
  }
  return p;
}

}  // namespace

int main(int argc, char** argv) {
  auto p = read_plan(argc, argv);
  log::open(log::level::error, log::form::human);
  if (p.database.empty()) std::filesystem::remove_all(p.data_dir);
  auto db = open_store(p.data_dir, p.database);
  give_money(*db->open_writer(), p);
  auto s = p.plain ? one_by_one(*db->open_writer(), p) : through_the_actor(*db, p);
  amount earned = 0;
  for (auto& b : db->open_reader()->balances(provider.owner)) earned += b.balance;
  auto exact = earned == s.settled * paid;
  std::printf("%.0f settlements/s, %lld in %.2f s, sums %s\n", static_cast<double>(s.settled) / s.seconds,
              static_cast<long long>(s.settled), s.seconds, exact ? "exact" : "WRONG");
  return exact ? 0 : 1;
}
