// The real agent of a node against the real cast: what it takes, what it turns down, and when it speaks.
#include "tests/support/house_world.hpp"

using namespace troupe;

namespace {

/// The agent of a node process; it comes back by itself like the real one.
class node_process {
public:
  agent_actor agent;
  bool joined = false;

  node_process(house_world& w, int32_t slots, std::vector<gpu_device> gpus = {}) : w_(w) {
    join_node offer;
    offer.gpus = std::move(gpus);
    offer.name = "real";
    offer.instance = "first";
    offer.slots = slots;
    offer.rate = cpu_rate;
    run_environment environment;
    environment.work_root = w.folder() + "/work";
    agent = spawn_agent(w.system(), offer, house_world::node_key, environment, w.h().steady,
                        [this](const agent_news& news) { joined = news.joined; });
    w_.each_close[this] = [this] { die(); };
    w_.each_step[this] = [this] { join(); };
    join();
  }
  ~node_process() {
    die();
    w_.each_close.erase(this);
    w_.each_step.erase(this);
  }
  void join() {
    if (joined || !agent) return;
    caf::anon_send(agent, connect_door{w_.actors().door.get()});
    w_.run();
  }
  void die() {
    if (agent) caf::anon_send_exit(agent, caf::exit_reason::kill);
    agent = agent_actor{};
    w_.run();
  }

private:
  house_world& w_;
};

submission lasting(int64_t ms) {
  auto s = house_world::noop();
  s.spec.params = R"({"duration_ms":)" + std::to_string(ms) + "}";
  return s;
}

}  // namespace

TEST_CASE("an agent runs what fits into its slots and the rest after it") {
  house_world w;
  node_process n{w, 2};
  REQUIRE(n.joined);
  std::vector<std::string> ids;
  for (int i = 0; i < 6; ++i) ids.push_back(w.submit(lasting(1'000)));
  w.pass(4'000);
  for (auto& id : ids) {
    CHECK(w.state(id) == job_state::succeeded);
    CHECK(w.row(id).attempts == 1);
    CHECK(w.row(id).cost == 72'918);  // 1 s: 69'445 and 5 %, both rounded up
  }
  w.books_are_right();
}

TEST_CASE("an agent that is full turns an order down and keeps what it runs") {
  house_world w;
  node_process n{w, 1};
  auto id = w.submit(lasting(5'000));
  CHECK(w.state(id) == job_state::running);
  caf::anon_send(n.agent, run_jobs{{{"job_other", 1, job_kind::noop, "{}", 1'000}}});
  w.pass(6'000);
  CHECK(w.state(id) == job_state::succeeded);
}

TEST_CASE("an agent turns down an order for devices that it does not have, or has given away") {
  house_world w;
  node_process n{w, 8, {{"gpu", 24'000}}};
  auto order = [&](const std::string& id, std::vector<gpu_share> devices) {
    caf::anon_send(n.agent, run_jobs{{{id, 1, job_kind::process, R"({"command":["/bin/true"]})", 1'000, devices}}});
    w.run();
    return std::filesystem::exists(w.folder() + "/work/" + id);
  };
  auto s = lasting(60'000);
  s.spec.needs.vram_mb = 20'000;
  s.rate_max = one;
  REQUIRE(w.state(w.submit(s)) == job_state::running);
  CHECK_FALSE(order("job_elsewhere", {{1, 1'000}}));
  CHECK_FALSE(order("job_negative", {{-1, 1'000}}));
  CHECK_FALSE(order("job_too_much", {{0, 4'001}}));
}

TEST_CASE("an attempt that is being stopped has given its slot to the next job") {
  house_world w;
  node_process n{w, 1};
  auto s = house_world::noop();
  s.spec.kind = job_kind::process;
  s.spec.params = R"({"command":["/bin/sleep","60"]})";
  auto slow = w.submit(s);
  REQUIRE(w.state(slow) == job_state::running);
  w.must(w.actors().jobs.get(), cancel_job{slow, house_world::user});
  auto lease = lease_ref{slow, w.row(slow).lease_epoch};
  caf::anon_send(w.actors().jobs.get(), tell_job{slow, job_input::grace_over{lease.epoch}});
  auto next = w.submit();
  CHECK(w.state(next) == job_state::succeeded);
  CHECK(w.row(next).attempts == 1);
}

TEST_CASE("a running no-op ends at once when it is cancelled, and the time used is paid") {
  house_world w;
  node_process n{w, 1};
  auto id = w.submit(lasting(60'000));
  w.pass(3'600);
  w.must(w.actors().jobs.get(), cancel_job{id, house_world::user});
  CHECK(w.state(id) == job_state::cancelled);
  CHECK(w.row(id).cost == 262'500);
  w.books_are_right();
}

TEST_CASE("an agent joins again after a restart of the gateway and its job ends once") {
  house_world w;
  auto id = w.submit(lasting(20'000));
  node_process n{w, 1};
  REQUIRE(w.state(id) == job_state::running);
  caf::anon_send_exit(w.actors().nodes.get(), caf::exit_reason::unhandled_exception);
  w.run();
  CHECK_FALSE(n.joined);
  w.pass(5'000);
  CHECK(n.joined);
  w.pass(17'000);
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(w.row(id).attempts == 1);
  w.books_are_right();
}

TEST_CASE("an agent that joined many times still beats once per interval") {
  house_world w;
  node_process n{w, 1};
  auto seen = w.reader().list_nodes().at(0).seen_ms;
  for (int i = 0; i < 3; ++i) {
    caf::anon_send_exit(w.actors().nodes.get(), caf::exit_reason::unhandled_exception);
    w.run();
    w.pass(600);
    REQUIRE(n.joined);
  }
  CHECK(w.reader().list_nodes().at(0).seen_ms > seen);
  w.pass(4'000);
  auto before = w.faults.commits;
  w.pass(30'000);
  CHECK(w.faults.commits - before <= 11);
}

TEST_CASE("a result that finds the database away is kept and stored when it is back") {
  house_world w;
  node_process n{w, 1};
  auto id = w.submit(lasting(1'000));
  w.faults.writes_away = true;
  w.pass(20'000);
  CHECK(w.state(id) == job_state::running);
  w.faults.writes_away = false;
  w.pass(5'000);
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(w.row(id).attempts == 1);
  w.books_are_right();
}
