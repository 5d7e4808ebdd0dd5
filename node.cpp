// troupe node: a worker process. Keeps its agent joined to a gateway until it is told to stop.
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <atomic>
#include <filesystem>

#include "actors/actors.hpp"
#include "actors/cluster.hpp"
#include "commands.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

std::string node_name(const config& settings) {
  if (!settings.name.empty()) return settings.name;
  char host[256] = "node";
  gethostname(host, sizeof host - 1);
  return std::string{host} + "-" + std::to_string(getpid());
}

endpoint endpoint_of(const std::string& text) {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return {host, static_cast<uint16_t>(std::stoul(text.substr(colon + 1)))};
}

/// Waits up to a second; true when the process shall stop.
bool told_to_stop(const sigset_t& signals) {
  timespec second{1, 0};
  return sigtimedwait(&signals, nullptr, &second) > 0;
}

void keep_joined(caf::actor_system& system, const config& settings, const agent_actor& agent,
                 const std::atomic<bool>& joined, const sigset_t& signals) {
  auto at = endpoint_of(settings.join);
  do {
    if (joined) continue;
    auto door = reach_door(system, settings, at);
    if (auto* bad = std::get_if<failure>(&door))
      log::warn("no gateway yet", {{"at", settings.join}, {"why", bad->detail}});
    else
      caf::anon_send(agent, connect_door{std::get<door_actor>(door)});
  } while (!told_to_stop(signals));
}

}  // namespace

int run_node(const config& settings) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGINT);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  signal(SIGPIPE, SIG_IGN);
  auto name = node_name(settings);
  auto work = settings.data_dir + "/work-" + sha256_hex(name).substr(0, 12);
  std::filesystem::create_directories(work);
  auto caf_config = system_config(settings);
  caf::actor_system system{*caf_config};
  std::atomic<bool> joined{false};
  auto tell = [&joined](bool is, const std::string& detail) {
    joined = is;
    is ? log::info("joined", {{"node_id", detail}}) : log::warn("not joined", {{"why", detail}});
  };
  auto agent =
      spawn_agent(system, offer_of(settings, name), settings.node_key, {work, settings.models}, steady_ms, tell);
  keep_joined(system, settings, agent, joined, signals);
  log::info("stopping");
  caf::scoped_actor self{system};
  self->send_exit(agent, caf::exit_reason::user_shutdown);
  self->wait_for(agent);
  return 0;
}

}  // namespace troupe
