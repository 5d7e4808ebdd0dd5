// troupe node: a worker process. Keeps its agent joined to a gateway until it is told to stop.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <mutex>
#include <optional>

#include "actors/actors.hpp"
#include "actors/cluster.hpp"
#include "commands.hpp"
#include "config/log.hpp"
#include "executors/isolation.hpp"
#include "executors/machine.hpp"

namespace troupe {

namespace {

std::string node_name(const config& settings) {
  if (!settings.name.empty()) return settings.name;
  char host[256] = "node";
  gethostname(host, sizeof host - 1);
  return std::string{host} + "-" + std::to_string(getpid());
}

/// After the deadline programs save what they need, and it is sent.
constexpr int64_t after_drain_ms = limits::checkpoint_grace_ms_max + 30'000;

/// What the agent tells from its own thread.
struct agent_word {
  std::atomic<bool> joined{false}, drained{false};
};

/// Waits up to a second; true when the process was told to stop.
bool told_to_stop(const sigset_t& signals) {
  timespec second{1, 0};
  auto which = sigtimedwait(&signals, nullptr, &second);
  return which > 0 && which != SIGUSR1;
}

/// The doors that are known: those of the configuration, and what gateways told of each other. Thread-safe.
class known_doors {
public:
  explicit known_doors(std::vector<endpoint> first) : list_{std::move(first)} {}
  void learn(const std::vector<std::string>& addresses) {
    std::lock_guard lock{guard_};
    for (auto& text : addresses)
      if (auto at = endpoint_of(text); std::find(list_.begin(), list_.end(), at) == list_.end()) list_.push_back(at);
  }
  /// Each in turn.
  endpoint next() {
    std::lock_guard lock{guard_};
    return list_[turn_++ % list_.size()];
  }

private:
  std::mutex guard_;
  std::vector<endpoint> list_;
  size_t turn_ = 0;
};

/// The first signal drains the node, which may take a while and needs the gateway; the second ends it at once.
void keep_joined(caf::actor_system& system, const config& settings, const agent_actor& agent, known_doors& doors,
                 const agent_word& word, const sigset_t& signals) {
  std::optional<int64_t> give_up_ms;
  while (!word.drained && (!give_up_ms || steady_ms() < *give_up_ms)) {
    if (!word.joined) {
      auto at = doors.next();
      auto door = reach_door(system, settings, at);
      if (auto* bad = std::get_if<failure>(&door))
        log::warn("no gateway yet", {{"at", to_string(at)}, {"why", bad->detail}});
      else
        caf::anon_send(agent, connect_door{std::get<door_actor>(door)});
    }
    if (!told_to_stop(signals)) continue;
    if (give_up_ms) return;
    log::info("draining", {{"seconds", std::to_string(settings.drain_seconds)}});
    caf::anon_send(agent, drain_agent{settings.drain_seconds * 1000});
    give_up_ms = steady_ms() + settings.drain_seconds * 1000 + after_drain_ms;
  }
}

}  // namespace

int run_node(const config& settings) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGUSR1);  // from ourselves: there is news
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto name = node_name(settings);
  auto work = settings.data_dir + "/work-" + sha256_hex(name).substr(0, 12);
  std::filesystem::create_directories(work);
  auto caf_config = system_config();
  caf::actor_system system{*caf_config};
  agent_word word;
  known_doors doors{settings.doors};
  auto tell = [&](const agent_news& news) {
    if (news.joined) doors.learn(news.gateways);
    word.joined = news.joined;
    news.joined ? log::info("joined", {{"node_id", news.detail}}) : log::warn("not joined", {{"why", news.detail}});
  };
  auto drained = [&word] {
    word.drained = true;
    ::kill(::getpid(), SIGUSR1);
  };
  run_environment environment{work, settings.models};
  environment.artifact_bytes_max = settings.artifact_bytes_max();
  isolate(environment);
  auto offer = offer_of(settings, name);
  for (auto& each : found_labels(environment)) offer.labels.push_back(each);
  environment.sense = sense_machine(work, settings.gpu == "auto", offer.gpus);
  auto agent =
      spawn_agent(system, std::move(offer), settings.node_key, std::move(environment), steady_ms, tell, drained);
  keep_joined(system, settings, agent, doors, word, signals);
  log::info("stopping");
  caf::scoped_actor self{system};
  self->send_exit(agent, caf::exit_reason::user_shutdown);
  self->wait_for(agent);
  return 0;
}

}  // namespace troupe
