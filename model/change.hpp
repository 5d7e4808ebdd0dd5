// One change = one transaction: money + job + event + idempotency, all or nothing. Built by actors, applied by the
// store.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/job.hpp"

namespace troupe {

/// Each (owner, kind, asset) has one account. The store refuses a guarded account below zero.
enum class account_kind : uint8_t {
  available = 10,  // a user's spendable money; holds reserve part of it
  earned = 12,     // a provider's income
  fee = 30,        // the platform's income
  issuance = 70,   // where faucet money and grants come from: the only kind that may be negative
};

inline constexpr std::string_view platform_owner = "platform";

struct account_key {
  std::string owner;
  account_kind kind = account_kind::available;
  asset currency = asset::credit;
  friend bool operator==(const account_key&, const account_key&) = default;
};

/// Why money moves; numbers are those of the ledger reference and never change.
enum class transfer_code : uint8_t {
  deposit = 1,
  hold = 5,
  provider_share = 7,
  platform_fee = 8,
  release = 10,
  grant = 26
};
std::string_view to_string(transfer_code);

struct transfer {
  std::string id;  // chosen by the caller: the same id again is the same transfer, or refused
  transfer_code code = transfer_code::deposit;
  account_key debit, credit;
  amount value = 0;
  std::string note;
};

struct hold_open {
  std::string id, job_id;
  account_key account;
  amount value = 0;
};

/// Captures to provider and platform, and releases the rest. The store checks that the hold is open.
struct hold_close {
  std::string id, job_id;
  account_key provider;
  settlement paid;
};

struct job_insert {
  job row;
  job_spec spec;
};

/// Compare-and-set on `version` (next.version - 1) and, through it, on the epoch.
struct job_update {
  job next;
};

struct attempt_row {
  std::string job_id;
  int64_t epoch = 0;
  std::string node_id;
  amount rate = 0;
  attempt_outcome outcome = attempt_outcome::open;  // open: insert; else: close the open one
  int64_t ran_ms = 0;
  time_ms at_ms = 0;
};

struct result_row {
  std::string job_id;
  int64_t epoch = 0;
  run_report report;
};

/// What subscribers read. `seq` is given by the store.
struct event_row {
  int64_t seq = 0;
  std::string user_id, job_id;
  std::string kind;  // "queued", "started", "progress", "completed", ...
  bool terminal = false;
  int64_t attempt = 0;
  std::string node_id;
  int32_t progress_ppm = 0;
  std::string message, error_code;
  amount value = 0;  // queued: the hold; terminal: the cost; deposit: the amount
  asset currency = asset::dgpu;
  time_ms at_ms = 0;
};

/// The stored first answer to an Idempotency-Key.
struct idempotency_row {
  std::string scope;  // user and route
  std::string key;
  std::string request_hash;
  int32_t status = 0;
  std::string body;
};

struct user_row {
  std::string id, email, username, organization, password_hash;
  std::string role = "user";  // user | provider | admin
  std::string tier = "free";
  time_ms created_ms = 0;
};

struct api_key_row {
  std::string id, user_id, key_hash, prefix, name;
  time_ms created_ms = 0, expires_ms = 0, revoked_ms = 0;
};

struct session_row {
  std::string id, user_id;
  time_ms created_ms = 0, expires_ms = 0, revoked_ms = 0;
};

/// Lets nodes join in the name of a provider.
struct node_key_row {
  std::string key_hash, user_id, name;
  time_ms created_ms = 0;
};

struct node_row {
  std::string id, name, user_id, region, state;  // state: online | offline
  int64_t session_epoch = 0;                     // 0 in a change: the store takes the next one
  std::string instance;                          // the node process
  time_ms lease_until_ms = 0;
  int32_t slots = 0;
  amount rate = 0;
  std::string gpus, labels, models;  // "model:vram_mb:count,..." "k=v,..." "name,..."
  time_ms registered_ms = 0, seen_ms = 0;
};

struct tier_update {
  std::string user_id, tier;
};

struct change {
  std::optional<idempotency_row> once;
  std::vector<transfer> transfers;
  std::optional<hold_open> opens;
  std::optional<hold_close> closes;
  std::optional<job_insert> submits;
  std::optional<job_update> moves;
  std::optional<attempt_row> attempt;
  std::optional<result_row> result;
  std::vector<event_row> events;
  std::optional<user_row> user;
  std::optional<api_key_row> api_key;
  std::optional<session_row> session;
  std::optional<node_key_row> node_key;
  std::optional<node_row> node;
  std::optional<tier_update> tier;
};

/// `why != ok`: the change left no trace.
struct change_result {
  errc why = errc::ok;
  std::string detail;
  amount required = 0, available = 0, balance = 0;  // insufficient_funds; balance also after a deposit
  bool replayed = false;  // the Idempotency-Key was known: status and body are the first answer
  int32_t status = 0;
  std::string body;
  int64_t last_event = 0;     // seq of the last event row written
  int64_t session_epoch = 0;  // node joins
};

failure to_failure(const change_result&);

}  // namespace troupe
