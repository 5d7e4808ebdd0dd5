// Everything that is said inside one process. A request is verb_noun and names its reply; an event is past tense.
// These never cross the wire (cluster_messages.hpp does), so they may hold what CAF cannot serialise.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/gate_messages.hpp"
#include "actors/quota_messages.hpp"
#include "model/change.hpp"
#include "model/second_factor.hpp"
#include "persistence/store.hpp"

namespace troupe {

/// INTERNAL, to oneself: look at the clock; act on what has gathered.
struct tick {};
struct flush {};
/// From the supervisor: handle what is in the mailbox, then end.
struct leave {};

// --- ledger -----------------------------------------------------------------------------------
struct commit_results {
  std::vector<change_result> results;  // one for each change, in order
};
/// Each change is a transaction of its own; all of one message share a commit.
struct commit_changes {
  using reply = commit_results;
  std::vector<change> changes;
};
struct ledger_health {
  bool degraded = false;
  std::string why;
  int64_t commits = 0, changes = 0;
};
struct get_health {
  using reply = ledger_health;
};

// --- readers ----------------------------------------------------------------------------------
struct find_job {
  using reply = job_view;  // errc::not_found when unknown, or not this user's
  std::string job_id;
  std::string user_id;  // empty: anybody's
};
struct job_page {
  std::vector<job_view> jobs;
};
struct list_jobs {
  using reply = job_page;
  job_filter filter;
};
struct brief_page {
  std::vector<job_brief> jobs;
};
struct list_live_jobs {
  using reply = brief_page;
  std::vector<job_state> states;
  std::string after_id;
  int32_t limit = 1000;
};
/// The jobs that a node was given and has not given back.
struct list_granted {
  using reply = brief_page;
  std::string node_id;
};
struct event_page {
  std::vector<event_row> events;
};
struct read_events {
  using reply = event_page;
  std::string user_id, job_id;
  int64_t after = 0;
  int32_t limit = 100;
};
struct event_head {
  int64_t seq = 0;
};
struct read_event_head {
  using reply = event_head;
};
struct find_user {
  using reply = user_row;
  std::string id;
};
struct find_login {
  using reply = user_row;
  std::string login;
};
struct find_node_key {
  using reply = node_key_row;
  std::string key_id;
};
struct node_page {
  std::vector<node_row> nodes;
};
struct list_nodes {
  using reply = node_page;
};
struct balance_page {
  std::vector<balance_row> balances;
};
struct read_balances {
  using reply = balance_page;
  std::string owner;
};
struct transaction_page {
  std::vector<transaction_row> rows;
  int64_t total = 0;
};
struct read_transactions {
  using reply = transaction_page;
  std::string owner;
  int32_t limit = 50, offset = 0;
  std::string job_id;
};
/// Any other read: `read` runs on the reader's thread and leaves what it found where the asker can see it.
struct read_done {};
struct read_store {
  using reply = read_done;
  std::function<void(store_reader&)> read;
};
struct find_credential {
  using reply = credential_row;
  std::string credential;  // "key:" + SHA-256 hex of the API key, or "jwt:" + session id
};

// --- sessions ---------------------------------------------------------------------------------
struct person {
  std::string user_id, email, username, organization, role, tier, credential;
  time_ms created_ms = 0;
  std::string key_id;                             // of the API key; empty for a login session
  std::vector<spend_limit> limits;                // of the user and of the API key that asks
  std::shared_ptr<const credential_rules> rules;  // of the API key; null: none
  bool mfa = false, mfa_due = false;              // as in credential_row
};
/// The same for all requests of a session, but for the quota.
class principal {
public:
  principal() : is_(nobody()) {}
  explicit principal(std::shared_ptr<const person> who) : is_(std::move(who)) {}
  const person* operator->() const { return is_.get(); }

  std::shared_ptr<const quota_taken> quota;  // what its limits say to this request; null: it has none

private:
  static const std::shared_ptr<const person>& nobody() {
    static const auto one = std::make_shared<const person>();
    return one;
  }
  std::shared_ptr<const person> is_;
};

/// Work that is meant to be slow, or that waits for somebody: hashing, asking another server. Runs on the thread of
/// the actor that is asked.
struct work_done {};
struct do_work {
  using reply = work_done;
  std::function<void()> work;
};
/// Lets a request in, or says why not (unauthenticated; forbidden from that address). One beyond a limit comes back
/// with a quota that says so.
struct admit {
  using reply = principal;
  std::string credential;
  std::string ip;
  bool is_signed = false;  // and the signature is good
  bool stream = false;     // a WebSocket, not a request
  bool look = false;       // only whether the credential still counts; not counted as a request
};
/// session -> quotas: counts it.
struct meter_request {
  using reply = principal;
  principal who;
  bool stream = false;
};
/// An entity has been idle: its supervisor lets it go.
struct passivate {
  std::string id;
};

// --- several gateways -------------------------------------------------------------------------
/// Sits down among the gateways. Answers once it is done.
struct take_seat {
  std::string name, address;  // HOST:PORT of the cluster door, as others reach it
};
/// Shards or gateways came or went: house::cluster tells which.
struct cluster_changed {};
/// gateways -> jobs: these shards go to others. Answered by shards_released once no job of them is being written.
struct release_shards {
  std::vector<int32_t> shards;
};
struct shards_released {
  std::vector<int32_t> shards;
};
/// gateways -> dialer.
struct dial_gateway {
  std::string me, my_secret;
  gateway_row to;
};

// --- identity ---------------------------------------------------------------------------------
struct registered {
  user_row user;
  std::string api_key;  // shown once
};
struct register_user {
  using reply = registered;
  std::string email, username, organization, password;
  std::string role = "user", tier = "free";
  std::shared_ptr<const audit_entry> audit;  // who asks; null: nothing is written of it
};
struct logged_in {
  user_row user;
  std::string session_id;
  time_ms expires_ms = 0;     // of the session, unless it is refreshed
  std::string refresh_token;  // shown once
  bool mfa = false;           // a second factor was shown
};
/// errc::unauthenticated for a wrong password as for an unknown login, in the same time; errc::forbidden for a
/// suspended user, who has shown the right one. `second` is asked after the right password, on identity's thread;
/// without it whoever has a second factor is refused.
struct log_in {
  using reply = logged_in;
  std::string login, password;
  std::shared_ptr<const audit_entry> audit;
  std::string ip, agent;  // where from
  std::function<mfa_verdict(const user_row&, const mfa_view&, const std::string& session_id)> second;
};

// --- wallets ----------------------------------------------------------------------------------
struct job_entry {
  job_insert insert;
  std::optional<idempotency_row> once;
};
/// Holds the money and queues each job, or refuses it; one result for each.
struct submit_jobs {
  using reply = commit_results;
  std::string user_id;
  std::vector<job_entry> jobs;
  std::vector<spend_limit> limits;  // of whoever asks: each job is counted in them
};
/// Puts money in: the faucet, or an admin's grant.
struct deposit_money {
  using reply = change_result;
  std::string user_id;
  transfer_code code = transfer_code::deposit;
  std::string transfer_id;
  asset currency = asset::credit;
  amount value = 0;
  std::string note;
  std::optional<idempotency_row> once;
};
/// Any other change of a user's money. A refusal comes as the result's `why`.
struct change_money {
  using reply = change_result;
  std::string user_id;
  change what;
};

// --- nodes, gateway side ----------------------------------------------------------------------
/// door -> nodes: this one has shown its key.
struct let_in {
  join_node ask;
  node_key_row key;
  node_record record;
};
/// What is known of these nodes is different now; whoever has one tells the dispatcher.
struct records_changed {
  std::vector<node_record> records;
};
/// door -> nodes: these keys have ended; whoever joined with one goes.
struct put_out {
  std::vector<std::string> key_ids;
};
/// node -> nodes: its agent is gone or silent; its jobs are lost at `rescue_at_ms` of the monotonic clock.
struct node_silent {
  std::string node_id;
  int64_t session = 0;
  int64_t rescue_at_ms = 0;
  bool said_so = false;  // it had told that it leaves
};

// --- agent ------------------------------------------------------------------------------------
struct attempt_progress {
  lease_ref lease;
  int32_t ppm = 0;
  std::string message;
};
struct attempt_done {
  lease_ref lease;
  run_report report;
};

// --- events -----------------------------------------------------------------------------------
struct rung {};
/// The socket has room again.
struct socket_drained {};

}  // namespace troupe
