// troupe serve: the gateway. Puts the parts together, in the order they must end in reverse.
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>
#include <unistd.h>

#include <condition_variable>
#include <filesystem>
#include <fstream>
#include <mutex>

#include "actors/actors.hpp"
#include "actors/cluster.hpp"
#include "commands.hpp"
#include "config/log.hpp"
#include "executors/isolation.hpp"
#include "executors/machine.hpp"
#include "http/dev_account.hpp"
#include "http/job_json.hpp"
#include "http/key_rotation.hpp"
#include "http/routes.hpp"
#include "http/web_rules.hpp"
#include "persistence/secrets.hpp"

namespace troupe {

namespace {

/// A secret that is made once and kept in the data folder, mode 0600.
std::string kept_secret(const std::string& path) {
  auto fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  if (fd >= 0) {
    auto text = random_hex(32);
    auto size = ::write(fd, text.data(), text.size());
    ::close(fd);
    if (size == static_cast<ssize_t>(text.size())) return text;
  }
  std::ifstream file{path};
  std::string text;
  if (!(file >> text) || text.size() < 32) throw std::runtime_error{"cannot read or make " + path};
  return text;
}

/// Port 0 means "any, but the same after a restart": nodes find their way back. Chosen below the kernel's own range.
uint16_t remembered_port(const std::string& path) {
  int port = 0;
  if (std::ifstream file{path}; file >> port && port > 0 && port < 65536) return static_cast<uint16_t>(port);
  return 0;
}

void open_remembered_door(house& h, config& settings) {
  auto path = settings.data_dir + "/cluster.port";
  auto chosen = settings.cluster_listen.port;
  for (int tries = 0; tries < 50; ++tries) {
    auto random = 20'000 + static_cast<uint16_t>(std::stoul(random_hex(2), nullptr, 16) % 12'000);
    auto remembered = tries == 0 ? remembered_port(path) : uint16_t{0};
    settings.cluster_listen.port = chosen != 0 ? chosen : remembered != 0 ? remembered : static_cast<uint16_t>(random);
    auto opened = open_door(h);
    if (auto* port = std::get_if<uint16_t>(&opened)) {
      settings.cluster_listen.port = *port;
      if (chosen == 0) std::ofstream{path} << *port << '\n';
      return;
    }
    if (chosen != 0) throw std::runtime_error{std::get<failure>(opened).detail};
  }
  throw std::runtime_error{"no free port for the cluster door"};
}

/// Waits for SIGTERM, SIGINT, or for root to give up.
class stop_signal {
public:
  stop_signal() {
    sigemptyset(&set_);
    sigaddset(&set_, SIGTERM);
    sigaddset(&set_, SIGINT);
    sigaddset(&set_, SIGUSR1);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);  // before any thread starts: all inherit it
    signal(SIGPIPE, SIG_IGN);
  }
  void give_up(const std::string&) {
    gave_up_ = true;
    ::kill(::getpid(), SIGUSR1);
  }
  /// True for an orderly stop. `meanwhile`, if any, is called every two seconds.
  bool wait(const std::function<void()>& meanwhile) {
    timespec pause{2, 0};
    int which = -1;
    while (which < 0) {
      which = meanwhile ? sigtimedwait(&set_, nullptr, &pause) : sigwaitinfo(&set_, nullptr);
      if (which < 0 && errno == EAGAIN) meanwhile();
    }
    return which != SIGUSR1 || !gave_up_;
  }

private:
  sigset_t set_;
  std::atomic<bool> gave_up_{false};
};

void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

/// Of this gateway among others.
std::string gateway_name(const config& settings) {
  if (!settings.name.empty()) return settings.name;
  char host[256] = "gateway";
  gethostname(host, sizeof host - 1);
  return std::string{host} + ":" + std::to_string(settings.listen.port);
}

caf::actor start_cast(house& h, store& db, stop_signal& stop) {
  cast_options o;
  o.open_writer = [&db, &h] { return db.open_writer(h.cluster.alone() ? nullptr : &h.cluster.own_seat()); };
  o.open_membership = [&db] { return db.open_membership(); };
  o.open_reader = [&db] { return db.open_reader(); };
  o.readers = static_cast<size_t>(h.settings.readers);
  o.give_up = [&stop](const std::string& why) { stop.give_up(why); };
  auto root = spawn_root(h, std::move(o));
  caf::scoped_actor self{h.system};  // everyone has a place once root answers
  self->request(root, std::chrono::seconds{10}, tick{})
      .receive([] {},
               [&](const caf::error& why) {
                 self->send_exit(root, caf::exit_reason::user_shutdown);
                 throw std::runtime_error{to_failure(why).detail};
               });
  return root;
}

/// One of several gateways, if the database has room for several. Nothing can be written before.
void sit_down(house& h, const config& settings) {
  if (h.cluster.alone()) return;
  auto address = settings.cluster_advertise;
  if (address.empty()) address = to_string(settings.cluster_listen);
  auto at = endpoint_of(address);
  if (at.port == 0) address = to_string(endpoint{at.host, settings.cluster_listen.port});
  caf::scoped_actor self{h.system};
  self->request(h.actors.gateways.get(), std::chrono::seconds{10}, take_seat{gateway_name(settings), address})
      .receive([] {}, [](const caf::error& why) { throw std::runtime_error{to_failure(why).detail}; });
}

/// Ends the cast on every way out, also when the start fails half way: the system's own end waits for the last actor.
struct running_cast {
  caf::actor_system& system;
  caf::actor root;
  agent_actor local;

  ~running_cast() {
    caf::scoped_actor self{system};
    if (local) self->send_exit(local, caf::exit_reason::user_shutdown);
    self->send_exit(root, caf::exit_reason::user_shutdown);
    self->wait_for(root);
  }
};

/// The embedded node joins through the same door as any other. It joins again whenever it was parted.
agent_actor start_local_node(house& h) {
  auto key = kept_secret(h.settings.data_dir + "/local-node.key");
  auto name = h.cluster.alone() ? "local" : "local@" + gateway_name(h.settings);
  store_node_key(h, key, std::string{platform_owner}, "local");
  run_environment environment{h.settings.data_dir + "/work", h.settings.models};
  environment.artifact_bytes_max = h.settings.artifact_bytes_max();
  auto where = std::make_shared<place<agent_actor>>();
  auto tell = [&h, where](const agent_news& news) {
    log::debug(news.joined ? "local node joined" : "local node parted", {{"detail", news.detail}});
    if (!news.joined)
      caf::delayed_anon_send(where->get(), std::chrono::milliseconds{500}, connect_door{h.actors.door.get()});
  };
  isolate(environment);
  auto offer = offer_of(h.settings, name);
  for (auto& each : found_labels(environment)) offer.labels.push_back(each);
  environment.sense = sense_machine(environment.work_root, h.settings.gpu == "auto", offer.gpus);
  auto agent = spawn_agent(h.system, std::move(offer), key, environment, h.steady, tell);
  where->set(agent);
  caf::anon_send(agent, connect_door{h.actors.door.get()});
  return agent;
}

server_handlers handlers_of(edge& e) {
  server_handlers x;
  x.body_bytes_max = body_bound;
  x.request = [&e](http_request r, respond_fn done) { serve_request(e, std::move(r), std::move(done)); };
  x.upgrade = [&e](http_request r, std::function<void(upgrade_answer)> done) {
    serve_upgrade(e, std::move(r), std::move(done));
  };
  x.refuse = [](int status, std::string_view code, std::string_view message, const std::string& id) {
    return error_reply(status, code, message, id);
  };
  return x;
}

server_options options_of(const config& settings) {
  server_options o;
  o.host = settings.listen.host;
  o.port = settings.listen.port;
  o.threads = static_cast<int>(settings.http_threads);
  o.in_flight_max = static_cast<size_t>(settings.in_flight_max);
  o.tls_cert = settings.tls_cert;
  o.tls_key = settings.tls_key;
  o.web = std::make_shared<web_rules>(settings);
  return o;
}

/// Made once; all gateways know the same one.
std::string lasting_secret(const config& settings, store& db, const vault& v, const std::string& name) {
  if (db.open_membership()) return shared_secret(db, v, name, random_hex(32));
  return kept_secret(settings.data_dir + "/" + name + ".secret");
}

/// A token of one gateway is good at every other.
std::string jwt_secret(const config& settings, store& db, const vault& v) {
  return settings.jwt_secret.empty() ? lasting_secret(settings, db, v, "jwt") : settings.jwt_secret;
}

/// Actors point into house and edge, so these are declared before the system, whose end waits for the last actor.
int run_gateway(config& settings, stop_signal& stop) {
  std::filesystem::create_directories(settings.data_dir);
  auto db = open_store(settings.data_dir, settings.database, false, settings.database_timeout_ms);
  auto secrets = open_vault(settings);
  check_vault(*db, *secrets);
  std::optional<house> h;
  std::optional<edge> e;
  auto caf_config = system_config();
  caf::actor_system system{*caf_config};
  h.emplace(system, settings);
  if (auto seats = db->open_membership()) h->cluster.expect_others();
  h->read_job = read_submission_text;
  h->webhook_body = webhook_body;
  h->secrets = secrets;
  running_cast cast{system, start_cast(*h, *db, stop), {}};
  open_remembered_door(*h, settings);
  sit_down(*h, settings);
  e.emplace(*h, jwt_secret(settings, *db, *secrets), h->steady());
  e->secrets = secrets;
  e->signing_root = lasting_secret(settings, *db, *secrets, "signing");
  open_token_keys(*e);
  std::optional<dev_account> dev;
  if (settings.dev) dev = open_dev_account(*h);
  routes();  // throws when a row does not say who may
  auto server = listen_http(options_of(settings), handlers_of(*e));
  if (settings.slots != 0) cast.local = start_local_node(*h);
  auto base_url =
      (settings.tls_cert.empty() ? "http://" : "https://") + to_string(endpoint{settings.listen.host, server->port()});
  if (dev) write_dev_file(settings.data_dir, *dev, base_url, to_string(settings.cluster_listen));
  log::info("ready",
            {{"url", base_url}, {"cluster", to_string(settings.cluster_listen)}, {"data_dir", settings.data_dir}});
  auto orderly = stop.wait(h->cluster.alone() ? nullptr : std::function<void()>{[&e] { look_for_token_keys(*e); }});
  log::info("stopping");
  e->stops = true;
  server->stop(static_cast<int>(settings.drain_seconds) * 1000);
  return orderly ? 0 : 1;
}

}  // namespace

int serve(const config& given) {
  stop_signal stop;
  raise_file_limit();
  auto settings = given;
  try {
    return run_gateway(settings, stop);
  } catch (const std::runtime_error& e) {
    log::error("cannot serve", {{"why", e.what()}});
    return 1;
  }
}

}  // namespace troupe
