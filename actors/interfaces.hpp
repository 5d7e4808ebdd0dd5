// Who answers what. One alias per actor, one comment per handler.
#pragma once

#include <caf/all.hpp>

#include "actors/log_messages.hpp"
#include "actors/market.hpp"
#include "actors/messages.hpp"
#include "actors/preempt_messages.hpp"
#include "actors/quota_messages.hpp"

// clang-format off
#define TROUPE_EACH_WIRE_TYPE(X) \
  X(lease_ref) X(knock) X(challenge) X(join_node) X(node_welcome) X(node_beat) X(beat_reply) X(run_order) X(run_jobs) \
  X(stop_jobs) X(job_progress) X(job_finished) X(node_report) X(report_ack) X(gpu_device) X(label) \
  X(artifact) X(run_report) X(tell_job) X(cancel_job) X(await_job) X(job_view) X(job_brief) X(jobs_waiting) \
  X(job_withdrawn) X(slot_freed) X(node_offer) X(node_joined) X(node_changed) X(node_left) X(gpu_share) \
  X(gpu_metrics) X(node_metrics) X(read_market) X(market_view) \
  X(send_run) X(send_stop) X(send_ack) X(announce_nodes) X(nodes_present) X(committed) X(forget_credential) \
  X(forget_user) X(shards_moved) X(meet_gateway) X(gateway_met) \
  X(checkpoint_ack) X(put_checkpoint) X(checkpoint_piece) X(get_checkpoint)
// clang-format on

// What is asked of `jobs`, wherever they are.
#define TROUPE_EACH_WISH_TYPE(X) X(job_changed) X(amend_job) X(redrive_job)

// What is asked of `quotas`, wherever they are.
#define TROUPE_EACH_QUOTA_TYPE(X) \
  X(use_quota) X(quota_returned) X(quota_held) X(rate_place) X(rate_request) X(rate_verdict)

// What attempts write.
#define TROUPE_EACH_LOG_TYPE(X) \
  X(log_piece) X(attempt_log) X(send_logs) X(log_mark) X(log_refusal) X(logs_stored) X(attempt_output)

// clang-format off
#define TROUPE_EACH_LOCAL_TYPE(X) \
  X(commit_results) X(commit_changes) X(ledger_health) X(get_health) X(find_job) X(job_page) X(list_jobs) \
  X(brief_page) X(list_live_jobs) X(list_granted) X(event_page) X(read_events) X(event_head) \
  X(read_event_head) X(find_user) X(user_row) X(find_login) X(find_node_key) X(node_key_row) X(node_page) \
  X(list_nodes) X(balance_page) X(read_balances) X(transaction_page) X(read_transactions) \
  X(find_credential) X(credential_row) X(principal) X(admit) X(passivate) X(registered) X(register_user) \
  X(logged_in) X(log_in) X(submit_jobs) X(deposit_money) X(change_result) \
  X(node_silent) X(attempt_progress) X(attempt_done) X(rung) X(socket_drained) X(read_done) X(read_store) \
  X(change_money) X(let_in) X(put_out) X(records_changed) X(take_seat) X(cluster_changed) X(release_shards) \
  X(shards_released) X(dial_gateway) X(drain_agent) X(drain_due) X(attempt_checkpoint) X(send_drain) \
  X(node_drains) X(work_done) X(do_work) X(meter_request) X(request_ended) X(tick) X(flush) X(leave)
// clang-format on

#define TROUPE_LOCAL(T) CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::T)
TROUPE_EACH_LOCAL_TYPE(TROUPE_LOCAL)
#undef TROUPE_LOCAL

namespace troupe {

template <class M>
using asked = typename caf::replies_to<M>::template with<typename M::reply>;
template <class... Ms>
using told = caf::reacts_to<Ms...>;

using ledger_actor = caf::typed_actor<
    // Applies changes in one group commit with whatever else waits; answers once it is durable.
    asked<commit_changes>,
    // Whether the database answers.
    asked<get_health>,
    // INTERNAL: the mailbox is drained: commit.
    told<flush>>;

using reader_actor = caf::typed_actor<
    // Each is one read of the newest committed state.
    asked<find_job>, asked<list_jobs>, asked<list_live_jobs>, asked<list_granted>, asked<read_events>,
    asked<read_event_head>, asked<find_user>, asked<find_login>, asked<find_credential>, asked<find_node_key>,
    asked<list_nodes>, asked<read_balances>, asked<read_transactions>, asked<read_store>>;

using session_actor = caf::typed_actor<
    // Lets a request of this credential in.
    asked<admit>,
    // Something about this user changed.
    told<forget_user>,
    // INTERNAL: idle check; the supervisor let go.
    told<tick>, told<leave>>;

using sessions_actor = caf::typed_actor<
    // Finds or activates the session of the credential, which answers.
    asked<admit>,
    // The credential changed: the next request reads it anew.
    told<forget_credential>,
    // The user changed: so do all sessions of it.
    told<forget_user>,
    // INTERNAL: a session has been idle.
    told<passivate>>;

using quotas_actor = caf::typed_actor<
    // Counts a request of somebody with limits.
    asked<meter_request>, told<request_ended>,
    // The same, from other gateways.
    asked<use_quota>, told<quota_returned>, told<quota_held>,
    // The owners of shards changed.
    told<cluster_changed>,
    // Stores what it counted for these shards, then tells `jobs`.
    told<release_shards>,
    // INTERNAL: stores what was counted.
    told<tick>>;

using identity_actor = caf::typed_actor<
    // New user with a wallet and one API key.
    asked<register_user>,
    // Checks the password; opens a session.
    asked<log_in>,
    // Hashing of other secrets.
    asked<do_work>>;

using errands_actor = caf::typed_actor<
    // Questions to servers outside, one after another.
    asked<do_work>>;

using wallet_actor = caf::typed_actor<
    // Holds money and queues jobs.
    asked<submit_jobs>,
    // Puts money in.
    asked<deposit_money>,
    // Withdrawals, billing sessions, limits.
    asked<change_money>,
    // INTERNAL: idle check; the supervisor let go.
    told<tick>, told<leave>>;

using wallets_actor = caf::typed_actor<asked<submit_jobs>, asked<deposit_money>, asked<change_money>,
                                       // INTERNAL: a wallet has been idle.
                                       told<passivate>>;

using billing_actor = caf::typed_actor<
    // INTERNAL: what money does by itself: earnings mature, reservations lapse, billing sessions run out.
    told<tick>>;

using calendar_actor = caf::typed_actor<
    // Jobs that wait for others may go on.
    told<rung>,
    // INTERNAL: what the clock does: jobs expire, timetables fire.
    told<tick>>;

using webhooks_actor = caf::typed_actor<
    // Looks up where a URL leads; on a thread of its own.
    asked<do_work>,
    // There are new events: somebody may want to be told.
    told<rung>,
    // INTERNAL: what is due by the clock; what was put off when it rang.
    told<tick>, told<flush>>;

using job_actor = caf::typed_actor<
    // Something happened to the job.
    told<tell_job>,
    // Ends the job as soon as possible.
    asked<cancel_job>,
    // Answers when the job is terminal.
    asked<await_job>,
    // INTERNAL: deadlines and retries; the supervisor let go.
    told<tick>, told<leave>>;

using jobs_actor = caf::typed_actor<told<tell_job>, asked<cancel_job>, asked<await_job>,
                                    // The owners of shards changed.
                                    told<cluster_changed>,
                                    // Lets the jobs of these shards go, then tells `gateways`.
                                    told<release_shards>,
                                    // What its owner wants of a job that has no node.
                                    asked<amend_job>, asked<redrive_job>,
                                    // INTERNAL: a job has nothing to do for now; one clock for all live jobs.
                                    told<passivate>, told<tick>>;

/// What the dispatcher hears from other gateways, too.
using dispatcher_port = caf::typed_actor<
    // Jobs that wait for a node or for their time.
    told<jobs_waiting>,
    // Not any more.
    told<job_withdrawn>,
    // A node has room again.
    told<slot_freed>,
    // What is free, and what waits.
    asked<read_market>,
    // Nodes come and go.
    told<node_joined>, told<node_changed>, told<node_left>, told<nodes_present>>;

using dispatcher_actor = dispatcher_port::extend<
    // The duty may have come or gone; so may gateways, with all their nodes.
    told<cluster_changed>,
    // INTERNAL: due jobs; the safety scan of the store.
    told<tick>,
    // INTERNAL: the mailbox is drained: match.
    told<flush>>;

// --- across the wire: only messages of cluster_messages.hpp ------------------------------------

using agent_port = caf::typed_actor<
    // Attempts to start, to stop, to forget.
    told<run_jobs>, told<stop_jobs>, told<report_ack>,
    // What they wrote is stored.
    told<logs_stored>>;

using node_port = caf::typed_actor<
    // The agent is alive and holds these attempts.
    asked<node_beat>,
    // What happened to them.
    told<node_report>,
    // What a preempted attempt leaves, piece by piece, and what an earlier one left.
    asked<put_checkpoint>, asked<get_checkpoint>,
    // What they write.
    told<send_logs>>;

/// A gateway as the others see it: passes everything on to whoever it is for.
using gate_actor =
    dispatcher_port::extend<told<tell_job>, asked<cancel_job>, asked<await_job>, asked<amend_job>, asked<redrive_job>,
                            asked<use_quota>, told<quota_returned>, told<quota_held>, told<send_run>, told<send_stop>,
                            told<send_ack>, told<announce_nodes>, told<committed>, told<forget_credential>,
                            told<forget_user>, told<shards_moved>>;

using door_actor = caf::typed_actor<
    // Gives a nonce for one join.
    asked<knock>,
    // A node wants to work here; answers with its session and the actor to report to.
    caf::replies_to<join_node, agent_port>::with<node_welcome, node_port>,
    // Another gateway introduces itself; answers with our gate.
    caf::replies_to<meet_gateway, gate_actor>::with<gateway_met, gate_actor>>;

// -----------------------------------------------------------------------------------------------

struct connect_door {
  door_actor door;
};

using agent_actor = agent_port::extend<
    // Joins through this door.
    told<connect_door>,
    // INTERNAL: from the attempts' threads.
    told<attempt_progress>, told<attempt_done>, told<attempt_checkpoint>, told<attempt_output>,
    // INTERNAL: send on what they wrote.
    told<rung>,
    // Takes nothing new, and gives back what runs. INTERNAL: when it is time.
    told<drain_agent>, told<drain_due>,
    // INTERNAL: beat; report.
    told<tick>, told<flush>>;

using node_actor = node_port::extend<
    // From the job actors, by way of `nodes`.
    told<send_run>, told<send_stop>, told<send_ack>, told<send_drain>,
    // INTERNAL: liveness; send what has gathered.
    told<tick>, told<flush>,
    // Its key has ended: it goes.
    told<leave>>;

using nodes_actor =
    caf::typed_actor<  // A node that the door let in: answers with its session and the actor to report to.
        caf::replies_to<let_in, agent_port>::with<node_welcome, node_port>,
        // Keys have ended.
        told<put_out>,
        // What was set of nodes, how they did, or a quarantine.
        told<records_changed>,
        // Passed on to the node when it is here, or to the gateway where it hangs.
        told<send_run>, told<send_stop>, told<send_ack>, told<send_drain>,
        // A node takes no new work, or again.
        told<node_drains>,
        // A node fell silent: its jobs are rescued when the grace is over.
        told<node_silent>,
        // Tells the dispatcher of every node that is here.
        told<announce_nodes>,
        // Where nodes of other gateways are.
        told<nodes_present>,
        // Gateways came or went: nodes of those that are gone may come here, or must be rescued.
        told<cluster_changed>,
        // INTERNAL: rescue.
        told<tick>>;

struct gateway_linked {
  std::string id;
  gate_actor gate;
};

/// Our seat among the gateways. Blocks on the database.
using gateways_actor = caf::typed_actor<
    // The door is open: begin.
    caf::replies_to<take_seat>::with<void>, caf::replies_to<meet_gateway, gate_actor>::with<gateway_met, gate_actor>,
    // From the dialer: another gateway answered.
    told<gateway_linked>,
    // From jobs: nothing of these shards is being written any more.
    told<shards_released>,
    // From another gateway: look at once.
    told<shards_moved>,
    // INTERNAL: beat and look.
    told<tick>>;

/// Blocks on connecting.
using dialer_actor = caf::typed_actor<told<dial_gateway>>;

using listener_actor = caf::typed_actor<
    // There is something new for you in the event log.
    told<rung>>;

struct listen_events {
  std::string user_id;
  listener_actor listener;
};

using events_actor = caf::typed_actor<
    // Adds a listener for a user's events; a dead one is forgotten.
    told<listen_events>,
    // Rings the listeners of these users.
    told<committed>>;

using stream_actor = listener_actor::extend<
    // The socket took what it had: more may follow.
    told<socket_drained>,
    // INTERNAL: listen again.
    told<tick>>;

}  // namespace troupe

#define TROUPE_ADD(T) CAF_ADD_TYPE_ID(troupe, (troupe::T))
CAF_BEGIN_TYPE_ID_BLOCK(troupe, first_custom_type_id)
TROUPE_EACH_WIRE_TYPE(TROUPE_ADD)
TROUPE_EACH_WISH_TYPE(TROUPE_ADD)
TROUPE_EACH_QUOTA_TYPE(TROUPE_ADD)
TROUPE_EACH_LOG_TYPE(TROUPE_ADD)
TROUPE_EACH_LOCAL_TYPE(TROUPE_ADD)
CAF_ADD_TYPE_ID(troupe, (troupe::agent_port))
CAF_ADD_TYPE_ID(troupe, (troupe::node_port))
CAF_ADD_TYPE_ID(troupe, (troupe::gate_actor))
CAF_ADD_TYPE_ID(troupe, (troupe::gateway_linked))
CAF_ADD_TYPE_ID(troupe, (troupe::connect_door))
CAF_ADD_TYPE_ID(troupe, (troupe::listen_events))
CAF_END_TYPE_ID_BLOCK(troupe)
#undef TROUPE_ADD

CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::connect_door)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::gateway_linked)
CAF_ALLOW_UNSAFE_MESSAGE_TYPE(troupe::listen_events)

CAF_ERROR_CODE_ENUM(troupe::errc, "troupe")
