// A node that does exactly what a test says: it writes down what it is told, and reports only on command.
#pragma once

#include <algorithm>

#include "actors/join_text.hpp"
#include "tests/support/house_world.hpp"

namespace troupe {

class fake_agent {
public:
  struct heard {
    std::vector<run_order> runs;
    std::vector<lease_ref> stops, stored, stale;
    std::vector<log_refusal> refused;
    std::vector<log_mark> marks;
  };
  std::shared_ptr<heard> told = std::make_shared<heard>();
  join_node offer;
  std::string node_key = house_world::node_key;
  node_port gateway;
  int64_t session = 0;
  std::string id;
  node_welcome welcome;
  failure refused;
  std::set<lease_ref> held;  // named in each beat
  bool beating = true;

  static run_report done(run_outcome how, int64_t ran_ms = 0) {
    run_report r;
    r.outcome = how;
    r.ran_ms = ran_ms;
    if (how == run_outcome::failed) r.error_code = "exit_code";
    if (how == run_outcome::node_fault) r.error_code = "node_error";
    return r;
  }

  fake_agent(house_world& w, std::string name, int32_t slots = 1) : w_(w) {
    offer.name = std::move(name);
    offer.instance = "first";
    offer.slots = slots;
    offer.rate = cpu_rate;
    w_.each_step[this] = [this] { beat_when_due(); };
    w_.each_close[this] = [this] { hang_up(); };
  }
  fake_agent(const fake_agent&) = delete;
  ~fake_agent() {
    hang_up();
    w_.each_step.erase(this);
    w_.each_close.erase(this);
  }

  /// Joins, and beats from now on whenever the world's clock says so.
  bool join() {
    hang_up();
    port_ = w_.system().spawn(port, told);
    offer.holding.assign(held.begin(), held.end());
    offer.key_id = node_key_id(node_key);
    offer.nonce = w_.must(w_.actors().door.get(), knock{}).nonce;
    offer.proof = prove_node_key(node_key, join_text::of(offer));
    return say_join();
  }
  /// As it stands, also a second time.
  bool say_join() {
    if (!port_) port_ = w_.system().spawn(port, told);
    gateway = node_port{};
    w_.system().spawn([&](caf::event_based_actor* self) {
      self->request(w_.actors().door.get(), std::chrono::seconds{5}, offer, port_)
          .then(
              [this](const node_welcome& x, const node_port& to) {
                welcome = x;
                gateway = to;
              },
              [this](const caf::error& why) { refused = to_failure(why); });
    });
    w_.run();
    if (!gateway) w_.pass(1'000);  // a refusal is held back
    if (!gateway) return false;
    session = welcome.session;
    id = welcome.node_id;
    next_beat_ = w_.mono + welcome.beat_interval_ms;
    return true;
  }
  /// The connection breaks, or the process dies.
  void hang_up() {
    if (port_) caf::anon_send_exit(port_, caf::exit_reason::kill);
    port_ = agent_port{};
    gateway = node_port{};
    w_.run();
  }
  bool beat(bool leaves = false) {
    if (!gateway) return false;
    auto answer = w_.ask(gateway, node_beat{session, {held.begin(), held.end()}, {}, leaves});
    auto* reply = std::get_if<beat_reply>(&answer);
    return reply != nullptr && reply->known;
  }

  /// The newest order for a job: a failed test when there is none.
  run_order order(const std::string& job_id) const {
    auto found = std::find_if(told->runs.rbegin(), told->runs.rend(), [&](auto& x) { return x.job_id == job_id; });
    REQUIRE(found != told->runs.rend());
    return *found;
  }
  bool has_order(const std::string& job_id) const {
    return std::any_of(told->runs.begin(), told->runs.end(), [&](auto& x) { return x.job_id == job_id; });
  }
  lease_ref lease(const std::string& job_id) const { return {job_id, order(job_id).epoch}; }

  lease_ref start(const std::string& job_id) {
    auto l = lease(job_id);
    held.insert(l);
    say({session, {l}, {}, {}, {}});
    return l;
  }
  void finish(const lease_ref& l, run_report report = done(run_outcome::succeeded)) {
    held.erase(l);
    say({session, {}, {}, {{l, std::move(report)}}, {}});
  }
  void say(node_report x) {
    caf::anon_send(gateway, std::move(x));
    w_.run();
  }

private:
  struct port_state {
    port_state() = default;
    static inline const char* name = "fake agent";
  };
  static agent_port::behavior_type port(agent_port::stateful_pointer<port_state>, std::shared_ptr<heard> told) {
    return {
        [told](const run_jobs& x) { told->runs.insert(told->runs.end(), x.orders.begin(), x.orders.end()); },
        [told](const stop_jobs& x) { told->stops.insert(told->stops.end(), x.leases.begin(), x.leases.end()); },
        [told](const report_ack& x) {
          told->stored.insert(told->stored.end(), x.stored.begin(), x.stored.end());
          told->stale.insert(told->stale.end(), x.stale.begin(), x.stale.end());
        },
        [told](const logs_stored& x) {
          told->marks.insert(told->marks.end(), x.marks.begin(), x.marks.end());
          told->refused.insert(told->refused.end(), x.refused.begin(), x.refused.end());
        },
    };
  }
  void beat_when_due() {
    if (!beating || !gateway || w_.mono < next_beat_) return;
    next_beat_ = w_.mono + welcome.beat_interval_ms;
    beat();
  }

  house_world& w_;
  agent_port port_;
  int64_t next_beat_ = 0;
};

}  // namespace troupe
