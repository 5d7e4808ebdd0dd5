// Everything that is said inside one process. A request is verb_noun and names its reply; an event is past tense.
// These never cross the wire (cluster_messages.hpp does), so they may hold what CAF cannot serialise.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/cluster_messages.hpp"
#include "model/change.hpp"
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
struct principal {
  std::string user_id, email, username, organization, role, tier, credential;
  time_ms created_ms = 0;
  std::string key_id;               // of the API key; empty for a login session
  std::vector<spend_limit> limits;  // of the user and of the API key that asks
};
/// Lets a request in, or says why not (unauthenticated).
struct admit {
  using reply = principal;
  std::string credential;
};
/// The credential was revoked or its user changed: forget what is cached.
struct forget_credential {
  std::string credential;
};
/// Something about the user changed: whoever knows it from before reads it anew.
struct forget_user {
  std::string user_id;
};
/// An entity has been idle: its supervisor lets it go.
struct passivate {
  std::string id;
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
};
struct logged_in {
  user_row user;
  std::string session_id;
  time_ms expires_ms = 0;
};
struct log_in {
  using reply = logged_in;
  std::string login, password;
};
struct made_api_key {
  api_key_row row;
  std::string api_key;
};
struct make_api_key {
  using reply = made_api_key;
  std::string user_id, name;
  std::vector<spend_limit> limits;  // the scope is filled in: nobody knows the key's id before
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

// --- jobs -------------------------------------------------------------------------------------
/// Something happened to a job. Stale and impossible inputs change nothing.
struct tell_job {
  std::string job_id;
  any_job_input input;
};
struct cancel_job {
  using reply = job_view;
  std::string job_id, user_id;
};
/// Answers once the job is terminal.
struct await_job {
  using reply = job_view;
  std::string job_id, user_id;
};

// --- dispatcher -------------------------------------------------------------------------------
/// Committed as queued, scheduled or waiting for a retry.
struct jobs_waiting {
  std::vector<job_brief> jobs;
};
/// A queued job is no longer wanted.
struct job_withdrawn {
  std::string job_id;
};
struct slot_freed {
  std::string node_id, job_id;
};
struct node_joined {
  node_offer offer;
  std::vector<job_brief> busy;
};
/// What a node offers is different now: trust, price, draining. What runs there goes on.
struct node_changed {
  node_offer offer;
};
struct node_left {
  std::string node_id;
};
/// nodes -> dispatcher: I am new and no node is here.
struct nodes_left {};
/// dispatcher -> nodes: I am new; tell me of every node that is here.
struct announce_nodes {};

// --- nodes, gateway side ----------------------------------------------------------------------
/// door -> nodes: this one has shown its key.
struct let_in {
  join_node ask;
  node_key_row key;
};
/// door -> nodes: these keys have ended; whoever joined with one goes.
struct put_out {
  std::vector<std::string> key_ids;
};
struct send_run {
  std::string node_id;
  int64_t session = 0;
  run_order order;
  bool again = false;  // may have been sent before: a node that is away decides when it is back
};
struct send_stop {
  std::string node_id;
  lease_ref lease;
};
struct send_ack {
  std::string node_id;
  lease_ref lease;
  bool stale = false;
};
/// node -> nodes: its agent is gone or silent; its jobs are lost at `rescue_at_ms` of the monotonic clock.
struct node_silent {
  std::string node_id;
  int64_t session = 0;
  int64_t rescue_at_ms = 0;
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
/// A bell, not a parcel: read the rest from the store.
struct committed {
  std::vector<std::string> users;
};
struct rung {};
/// The socket has room again.
struct socket_drained {};

}  // namespace troupe
