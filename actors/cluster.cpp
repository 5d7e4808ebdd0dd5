// The CAF side of a process.
#include "actors/cluster.hpp"

#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <caf/io/all.hpp>
#include <thread>

#include "actors/cluster_port.hpp"
#include "executors/machine.hpp"
#include "model/gpu_names.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

constexpr int probe_ms = 2'000;

std::string text_of(caf::actor_system& system, const caf::error& e) {
  auto f = to_failure(e);
  return f.detail.empty() ? system.render(e) : f.detail;
}

/// CAF connects in a thread that all connections of the process share, and waits as long as the kernel does for a host
/// that is gone: minutes. So a plain connection goes ahead.
bool answers(const endpoint& at) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  if (::getaddrinfo(at.host.c_str(), std::to_string(at.port).c_str(), &hints, &found) != 0) return false;
  auto connected = false;
  for (auto* a = found; a != nullptr && !connected; a = a->ai_next) {
    auto fd = ::socket(a->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0) continue;
    connected = ::connect(fd, a->ai_addr, a->ai_addrlen) == 0;
    pollfd wait{fd, POLLOUT, 0};
    if (!connected && errno == EINPROGRESS && ::poll(&wait, 1, probe_ms) == 1) {
      int why = 0;
      socklen_t size = sizeof why;
      connected = ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &why, &size) == 0 && why == 0;
    }
    ::close(fd);
  }
  ::freeaddrinfo(found);
  return connected;
}

amount rate_of(const config& settings, const std::vector<gpu_device>& gpus) {
  if (settings.rate_per_hour) return *settings.rate_per_hour;
  amount sum = 0;
  for (auto& g : gpus) {
    auto known = settings.prices.find_gpu(g.model);
    sum += known ? known->rate : cpu_rate;
  }
  return sum == 0 ? cpu_rate : sum;
}

/// "NVIDIA H200" is the price book's "nvidia-h200"; what the book does not know keeps its name as a key.
std::string key_of(const config& settings, const std::string& name) {
  if (auto known = settings.prices.find_gpu(name)) return known->key;
  auto key = gpu_key(name);
  for (auto& c : key)
    if (!isalnum(static_cast<unsigned char>(c)) && c != '.' && c != '_') c = '-';
  return key;
}

/// As declared, else as the driver says.
std::vector<gpu_device> gpus_of(const config& settings) {
  std::vector<gpu_device> all;
  if (settings.gpu == "auto") all = find_gpus();
  for (auto& g : all) g.model = key_of(settings, g.model);
  for (auto& g : settings.gpus)
    for (int i = 0; i < g.count; ++i) all.push_back({g.model, g.vram_mb, static_cast<int32_t>(all.size())});
  return all;
}

}  // namespace

void add_types(caf::actor_system_config& c) { c.add_message_types<caf::id_block::troupe>(); }

std::unique_ptr<caf::actor_system_config> system_config() {
  auto c = std::make_unique<caf::actor_system_config>();
  add_types(*c);
  c->load<caf::io::middleman>();
  c->set("middleman.heartbeat-interval", caf::timespan{1s});
  c->set("middleman.connection-timeout", caf::timespan{5s});
  c->set("scheduler.policy", caf::atom("sharing"));  // idle workers sleep; "stealing" polls: a tenth of a core at rest
  c->set("scheduler.max-threads", size_t{std::max(2u, std::thread::hardware_concurrency())});
  c->set("scheduler.max-throughput", size_t{50});
  return c;
}

outcome<uint16_t> open_door(house& h) {
  auto& at = h.settings.cluster_listen;
  auto port = publish_door(h.system, h.actors.door.get(), h.settings);
  if (port) return *port;
  return failure{errc::unavailable,
                 "the cluster door cannot listen on " + at.host + ":" + std::to_string(at.port) + ": " +
                     text_of(h.system, port.error()),
                 {},
                 {}};
}

endpoint endpoint_of(const std::string& text) {
  auto colon = text.rfind(':');
  auto host = text.substr(0, colon);
  if (host.starts_with('[')) host = host.substr(1, host.size() - 2);
  return {host, static_cast<uint16_t>(std::stoul(text.substr(colon + 1)))};
}

outcome<door_actor> reach_door(caf::actor_system& system, const config& settings, const endpoint& at) {
  if (!answers(at)) return failure{errc::unavailable, "nobody answers there", {}, {}};
  auto door = find_door(system, settings, at);
  if (door) return *door;
  return failure{errc::unavailable, text_of(system, door.error()), {}, {}};
}

join_node offer_of(const config& settings, const std::string& name) {
  join_node offer;
  offer.name = name;
  offer.instance = random_hex(16);
  offer.region = settings.region;
  offer.slots = settings.slots > 0 ? static_cast<int32_t>(settings.slots)
                                   : static_cast<int32_t>(std::max(1u, std::thread::hardware_concurrency()));
  offer.gpus = gpus_of(settings);
  offer.rate = rate_of(settings, offer.gpus);
  auto machine = look_at_machine(settings.data_dir);
  offer.cpu_cores = machine.cpu_cores;
  offer.memory_mb = machine.memory_mb;
  offer.disk_mb = machine.disk_mb;
  offer.labels = settings.labels;
  for (auto& [model, url] : settings.models) offer.models.push_back(model);
  return offer;
}

}  // namespace troupe
