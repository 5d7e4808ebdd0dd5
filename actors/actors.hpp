// The whole cast on one page. State and handlers live in each actor's .cpp; others can only send messages.
#pragma once

#include <functional>

#include "actors/house.hpp"
#include "executors/executor.hpp"

namespace troupe {

/// Where an actor runs: among the scheduler's threads, or alone because it blocks.
enum class run_on { shared_threads, own_thread };

/// The only writer of the database. Blocks on it.
ledger_actor spawn_ledger(house&, run_on, std::unique_ptr<store_writer>);

/// Reads the database. Blocks on it.
reader_actor spawn_reader(house&, run_on, std::unique_ptr<store_reader>);

/// Rings the streams of those whose events were committed.
events_actor spawn_events(house&);

/// Supervises the session of each credential.
sessions_actor spawn_sessions(house&);

/// Counts what users with limits ask for.
quotas_actor spawn_quotas(house&);

/// Registers and logs in. Blocks on the password hash.
identity_actor spawn_identity(house&, run_on);
errands_actor spawn_errands(house&, run_on);

/// Supervises the wallet of each owner.
wallets_actor spawn_wallets(house&);

/// Does what is due by the clock: earnings mature, reservations lapse, billing sessions run out.
billing_actor spawn_billing(house&);

/// Does what is due for jobs by the clock, or because others ended: they expire, go on, or are made by timetables.
calendar_actor spawn_calendar(house&);

/// Tells webhooks of events. Its callers block on the network.
webhooks_actor spawn_webhooks(house&, run_on);

/// Supervises each live job.
jobs_actor spawn_jobs(house&);

/// Matches waiting jobs and nodes.
dispatcher_actor spawn_dispatcher(house&);

/// Lets nodes in; the register of those that are here.
nodes_actor spawn_nodes(house&);

/// The way to `nodes` from outside, whichever it is at the moment.
door_actor spawn_door(house&);

/// What other gateways talk to.
gate_actor spawn_gate(house&);

/// Connects to other gateways. Blocks on it.
dialer_actor spawn_dialer(house&, run_on);
/// What a gateway shows another: it knows a secret that only the database tells.
std::string proof_of(const std::string& secret, const std::string& id);

/// Our seat among several gateways. Blocks on the database.
gateways_actor spawn_gateways(house&, run_on, std::unique_ptr<membership>);

/// The gateway's side of one joined node. INTERNAL to `nodes`.
node_actor spawn_node(house&, const node_welcome&, agent_port, const std::vector<lease_ref>& granted);

/// From the socket's side: there is room again; it is over.
void tell_drained(const stream_actor&);
void end_stream(const stream_actor&);

/// What root needs to make, and make again, the whole cast.
struct cast_options {
  run_on blocking = run_on::own_thread;  // tests share one thread
  std::function<std::unique_ptr<store_writer>()> open_writer;
  std::function<std::unique_ptr<store_reader>()> open_reader;
  std::function<std::unique_ptr<membership>()> open_membership;  // empty: there is no other gateway
  size_t readers = 2;
  std::function<void(const std::string& why)> give_up;  // called once, from an actor thread: end the process
};

/// Starts everyone in order, replaces who crashes within the budgets, gives up beyond them or when the ledger dies.
/// On exit it stops everyone in reverse order.
caf::actor spawn_root(house&, cast_options);

/// Whether a node hangs on a gateway, as its agent tells.
struct agent_news {
  bool joined = false;
  std::string detail;                 // its id, or why not
  std::vector<std::string> gateways;  // joined: HOST:PORT of all doors of the cluster
};

/// What a node process is: runs attempts, beats, reports. What it holds and its proof it fills in itself. `drained` is
/// called when it drains and has nothing left: the process may end.
agent_actor spawn_agent(caf::actor_system&, join_node, std::string node_key, run_environment, clock_fn steady,
                        std::function<void(const agent_news&)> tell, std::function<void()> drained = {});

/// Where a stream writes: false when the socket is full, then `socket_drained` follows.
using write_event = std::function<bool(const event_row&)>;

/// One open stream of a user's events (of one job, or all), from behind `after`.
stream_actor spawn_stream(house&, std::string user_id, std::string job_id, int64_t after, write_event);

}  // namespace troupe
