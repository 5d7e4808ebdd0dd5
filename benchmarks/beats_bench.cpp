// A crowd of nodes at a real gateway, from outside: each joins through the door as an agent does, then beats. Prints
// what the beats cost the gateway, as a share of one core (processor time of its process, user and system).
//   beats_bench --join HOST:PORT --node-key KEY --gateway-pid PID [--nodes N] [--seconds S] [--sockets N]
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "actors/cluster.hpp"
#include "actors/join_text.hpp"
#include "config/log.hpp"
#include "config/node_proof.hpp"

using namespace troupe;
using namespace std::chrono_literals;
using steady = std::chrono::steady_clock;

namespace {

struct plan {
  std::string join, node_key;
  int64_t nodes = 10'000, seconds = 30, sockets = 100, gateway_pid = 0;
};

/// Told by all nodes.
struct score {
  std::atomic<int64_t> joined{0}, sent{0}, answered{0}, lost{0}, mute{0};
  std::atomic<int32_t> interval_ms{0};
};

struct member_state {
  member_state() = default;
  join_node offer;
  std::string node_key;
  door_actor door;
  node_port gateway;
  int64_t session = 0;
  std::chrono::milliseconds pause{0};
  score* told = nullptr;
};
using member_actor = agent_port::extend<told<tick>>;
using member_pointer = member_actor::stateful_pointer<member_state>;

void give_up(const char* what, const caf::error& why) {
  std::fprintf(stderr, "beats_bench: %s: %s\n", what, to_failure(why).detail.c_str());
  std::_Exit(1);
}

void beat(member_pointer self) {
  auto& s = self->state;
  s.told->sent += 1;
  self->delayed_send(self, s.pause, tick{});
  self->request(s.gateway, 10s, node_beat{s.session, {}, {}})
      .then([self](const beat_reply& x) { ++(x.known ? self->state.told->answered : self->state.told->lost); },
            [self](const caf::error&) { ++self->state.told->lost; });
}

/// The first beat comes at a time of its own, so that they are spread over the interval as in life.
void welcomed(member_pointer self, const node_welcome& x, const node_port& to) {
  auto& s = self->state;
  s.gateway = to;
  s.session = x.session;
  s.pause = std::chrono::milliseconds{x.beat_interval_ms};
  s.told->interval_ms = x.beat_interval_ms;
  auto number = s.told->joined.fetch_add(1);
  self->delayed_send(self, std::chrono::milliseconds{number * 7919 % x.beat_interval_ms}, tick{});
}

void join(member_pointer self) {
  self->request(self->state.door, 30s, knock{})
      .then(
          [self](const challenge& x) {
            auto& s = self->state;
            s.offer.nonce = x.nonce;
            s.offer.proof = prove_node_key(s.node_key, join_text::of(s.offer));
            self->request(s.door, 30s, s.offer, caf::actor_cast<agent_port>(self))
                .then([self](const node_welcome& x, const node_port& to) { welcomed(self, x, to); },
                      [](const caf::error& why) { give_up("a node was refused", why); });
          },
          [](const caf::error& why) { give_up("no answer from the door", why); });
}

member_actor::behavior_type member(member_pointer self, join_node offer, std::string node_key, door_actor door,
                                   score* told) {
  self->state.offer = std::move(offer);
  self->state.node_key = std::move(node_key);
  self->state.door = std::move(door);
  self->state.told = told;
  join(self);
  return {[](const run_jobs&) {}, [](const stop_jobs&) {}, [](const report_ack&) {}, [](const logs_stored&) {},
          [self](tick) { beat(self); }};
}

/// Seconds of processor time that a process has used, all its threads together.
double processor_seconds(int64_t pid) {
  std::ifstream file{"/proc/" + std::to_string(pid) + "/stat"};
  std::string text{std::istreambuf_iterator<char>{file}, {}};
  std::istringstream fields{text.substr(text.rfind(')') + 2)};  // from field 3 on; 14 and 15 are what counts
  std::string skipped;
  for (int i = 3; i < 14; ++i) fields >> skipped;
  double user = 0, system = 0;
  if (!(fields >> user >> system)) throw std::runtime_error{"no gateway with pid " + std::to_string(pid)};
  return (user + system) / static_cast<double>(sysconf(_SC_CLK_TCK));
}

/// What a process with one socket to the gateway is: a part of the crowd with a CAF of its own.
struct part {
  config settings;
  std::unique_ptr<caf::actor_system_config> caf_config;
  std::unique_ptr<caf::actor_system> system;
  door_actor door;
  std::vector<member_actor> members;

  /// When many connect at once, some connections stay mute from the start; an agent, too, gives such a one up.
  bool connect(const plan& p) {
    door = door_actor{};
    system.reset();
    caf_config = system_config();
    caf_config->set("scheduler.max-threads", size_t{1});
    system = std::make_unique<caf::actor_system>(*caf_config);
    auto reached = reach_door(*system, settings, endpoint_of(p.join));
    if (auto* bad = std::get_if<failure>(&reached)) throw std::runtime_error{bad->detail};
    door = std::get<door_actor>(reached);
    auto answered = false;
    caf::scoped_actor self{*system};
    self->request(door, 5s, knock{}).receive([&](const challenge&) { answered = true; }, [](const caf::error&) {});
    return answered;
  }

  part(const plan& p, score& told, int64_t from, int64_t to) {
    while (!connect(p))
      if (++told.mute > p.sockets) throw std::runtime_error{"no connection to the door is answered"};
    for (auto i = from; i < to; ++i) {
      join_node offer;
      offer.name = "node-" + std::to_string(i);
      offer.instance = random_hex(16);
      offer.slots = 1;
      offer.rate = cpu_rate;
      offer.key_id = node_key_id(p.node_key);
      members.push_back(system->spawn(member, std::move(offer), p.node_key, door, &told));
      while (i - told.joined > 64) std::this_thread::sleep_for(1ms);  // the door takes only so many at once
    }
  }
};

plan read_plan(int argc, char** argv) {
  plan p;
  for (int i = 1; i + 1 < argc; i += 2) {
    std::string name = argv[i];
    if (name == "--join") p.join = argv[i + 1];
    if (name == "--node-key") p.node_key = argv[i + 1];
    if (name == "--nodes") p.nodes = std::atoll(argv[i + 1]);
    if (name == "--seconds") p.seconds = std::atoll(argv[i + 1]);
    if (name == "--sockets") p.sockets = std::atoll(argv[i + 1]);
    if (name == "--gateway-pid") p.gateway_pid = std::atoll(argv[i + 1]);
  }
  return p;
}

int measure(const plan& p) {
  score told;
  std::vector<std::unique_ptr<part>> parts;
  auto began = steady::now();
  for (int64_t i = 0; i < p.sockets; ++i)
    parts.push_back(std::make_unique<part>(p, told, p.nodes * i / p.sockets, p.nodes * (i + 1) / p.sockets));
  while (told.joined < p.nodes) std::this_thread::sleep_for(1ms);
  auto joining = std::chrono::duration<double>(steady::now() - began).count();
  std::this_thread::sleep_for(std::chrono::milliseconds{2 * told.interval_ms});  // until everybody beats
  auto sent = told.sent.load(), answered = told.answered.load();
  auto used = processor_seconds(p.gateway_pid);
  auto from = steady::now();
  std::this_thread::sleep_for(std::chrono::seconds{p.seconds});
  auto seconds = std::chrono::duration<double>(steady::now() - from).count();
  used = processor_seconds(p.gateway_pid) - used;
  std::printf(
      "{\"nodes\": %lld, \"joining_s\": %.2f, \"beats_per_s\": %.0f, \"answers_per_s\": %.0f, \"lost\": %lld, "
      "\"mute\": %lld, "
      "\"core_percent\": %.2f}\n",
      static_cast<long long>(told.joined), joining, static_cast<double>(told.sent - sent) / seconds,
      static_cast<double>(told.answered - answered) / seconds, static_cast<long long>(told.lost),
      static_cast<long long>(told.mute), 100 * used / seconds);
  std::fflush(stdout);
  std::_Exit(told.lost == 0 ? 0 : 1);  // ten thousand good-byes are no part of it
}

}  // namespace

int main(int argc, char** argv) {
  log::open(log::level::error, log::form::human);
  try {
    return measure(read_plan(argc, argv));
  } catch (const std::exception& e) {
    std::fprintf(stderr, "beats_bench: %s\n", e.what());
    return 1;
  }
}
