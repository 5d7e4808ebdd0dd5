// One change = one transaction: money + job + event + idempotency, all or nothing. Built by actors, applied by the
// store.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/devices.hpp"
#include "model/fleet.hpp"
#include "model/job.hpp"
#include "model/log.hpp"
#include "model/schedule.hpp"

namespace troupe {

/// Each (owner, kind, asset) has one account. The store refuses a guarded account below zero.
enum class account_kind : uint8_t {
  available = 10,   // a user's spendable money; holds reserve part of it
  stake = 11,       // locked by its owner as a pledge
  earned = 12,      // a provider's income inside the dispute window
  payable = 13,     // a provider's income that may be paid out
  in_transit = 16,  // left a wallet for a chain and has not arrived there yet
  fee = 30,         // the platform's income
  issuance = 70,    // where faucet money and grants come from: the only kind that may be negative
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
  withdrawal = 3,  // out of a hold, into in_transit
  hold = 5,
  provider_share = 7,
  platform_fee = 8,
  release = 10,
  mature = 12,  // earned to payable
  payout = 13,  // out of a hold on payable, into in_transit
  stake = 14,
  unstake = 15,
  slash = 16,
  correction = 24,  // the opposite of an earlier transfer, which its note names
  internal_transfer = 25,
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

/// A ceiling on what a key or a user may commit to: counted when a hold opens or grows, given back with its release.
struct spend_guard {
  std::string scope;   // "key:ID" or "user:ID"
  std::string period;  // "2026-11-22", "2026-11", or "" for all time
  amount limit = 0;    // in the asset of the hold
};

/// `job_id`: what the money is for: a job, a billing session ("ses_...") or a withdrawal ("wdr_...").
struct hold_open {
  std::string id, job_id;
  account_key account;
  amount value = 0;
  std::vector<spend_guard> guards;  // each is checked: errc::limit_exceeded names the first that stands in the way
};

/// Makes an open hold larger. `step` rises by one with each extension and partial capture of a hold, from 1.
struct hold_extend {
  std::string id, job_id;
  int32_t step = 0;
  amount value = 0;  // to add; not negative
};

/// A part of a capture that is another provider's.
struct hold_share {
  account_key provider;
  amount value = 0;
};

/// Captures to provider and platform. A partial one (`step` > 0) leaves the hold open; the last one (`step` 0)
/// releases the rest. The store checks that the hold is open, and that the step is the next.
struct hold_close {
  std::string id, job_id;
  account_key provider;
  settlement paid;
  int32_t step = 0;
  transfer_code code = transfer_code::provider_share;  // of the provider's part: or withdrawal, payout
  time_ms matures_ms = 0;                              // when the provider's part becomes payable; 0: never by itself
  std::vector<hold_share> also;                        // of a last capture: who else is paid out of the same hold
};

/// Moves what has matured by now for one owner, asset and second from earned to payable. Once.
struct mature_move {
  std::string owner;
  asset currency = asset::credit;
  int64_t due_s = 0;
};

/// Posts the opposite of an earlier transfer, once. Refused when the receiver no longer has the money.
struct correction {
  std::string transfer_id;  // of the row to undo; its correction has the id "ID/correction"
  std::string note;
};

struct job_insert {
  job row;
  job_spec spec;
};

/// Compare-and-set on `version` (next.version - 1) and, through it, on the epoch.
struct job_update {
  job next;
  bool unblocks = false;  // it waited for its parents; into the queue only when all of them have succeeded
  bool redrives = false;  // out of failed or dead, the only way back to life
};

struct attempt_row {
  std::string job_id;
  int64_t epoch = 0;
  std::string node_id;
  amount rate = 0;
  attempt_outcome outcome = attempt_outcome::open;  // open: insert; else: close the open one
  int64_t ran_ms = 0;
  time_ms at_ms = 0;
  amount accrued = 0;  // what it is due, fee included; paid when the job ends
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

/// What a finished piece of work adds to its day. One row per user, day, key, model, kind and asset.
struct usage_add {
  std::string user_id, key_id, model, kind;  // key_id empty: not by an API key. kind: inference, process, session, ...
  std::string day;                           // "2026-11-22", UTC, of its end
  asset currency = asset::credit;
  int64_t requests = 1, failed = 0;
  int64_t tokens_in = 0, tokens_out = 0, ran_ms = 0;
  amount cost = 0;  // as captured, fee included
};

/// What an owner told about a wallet; the balances are the accounts.
struct wallet_row {
  std::string owner, wallet_type;  // user | provider | platform
  std::string solana_address;      // empty, or unique among wallets
  time_ms created_ms = 0;
};

enum class withdrawal_state : uint8_t { reserved, approved, cancelled, sent, failed };
std::string_view to_string(withdrawal_state);

/// Money on its way out. reserved: held; approved: captured into in_transit, and no timer gives it back.
struct withdrawal_row {
  std::string id, user_id, hold_id, to_address;
  account_kind source = account_kind::available;  // payable: a provider's payout
  asset currency = asset::dgpu;
  amount value = 0, fee = 0;
  withdrawal_state state = withdrawal_state::reserved;
  time_ms created_ms = 0, expires_ms = 0, changed_ms = 0;  // still reserved at expires_ms: cancelled
  std::string note;
};

/// A new one is checked against the rolling day: what the user took out of `source` since `since_ms`, cancelled ones
/// left out, plus this one must not pass `limit`.
struct withdrawal_open {
  withdrawal_row row;
  time_ms since_ms = 0;
  amount limit = 0;  // 0: none
};
/// Only from the state `from`, else errc::conflict.
struct withdrawal_move {
  std::string id;
  withdrawal_state from = withdrawal_state::reserved, to = withdrawal_state::approved;
  time_ms at_ms = 0;
  std::string note;
};

enum class rental_state : uint8_t { active, completed, cancelled, terminated };
std::string_view to_string(rental_state);

/// A billing session: a GPU rented by the hour against a hold, metered by our clock.
struct rental {
  std::string id;  // "ses_..."
  std::string user_id, provider_user, node_id, key_id, job_id, gpu_model;
  rental_state state = rental_state::active;
  int64_t version = 0;  // rises by one with every write; the store compares it
  asset currency = asset::dgpu;
  int64_t vram_mb = 0, total_vram_mb = 0, power_w = 0;
  amount base_rate = 0, vram_rate = 0, power_rate = 0, rate = 0;  // nano-units per hour; rate: their sum
  int64_t fee_bps = 0;
  bool fee_inclusive = false;
  std::string hold_id;
  amount hold = 0, charged = 0, fee = 0;  // charged: captured so far, fee included
  int32_t steps = 0;                      // of the hold
  int64_t max_ms = 0;                     // longest duration; 0: as long as the money lasts
  time_ms started_ms = 0, billed_ms = 0, ended_ms = 0;
  time_ms due_ms = 0;  // when somebody must look: the hold is nearly used, or the time is over
  int64_t gpu_percent = 0, vram_percent = 0, power_draw_w = 0, temperature_c = 0;  // newest report of the provider
  time_ms reported_ms = 0;
  std::string end_reason;
};
struct rental_write {
  rental next;  // version 1: insert; else compare-and-set on next.version - 1
};

/// A ceiling as it was set. `period`: day, month or total.
struct spend_limit {
  std::string scope, period;  // scope: "key:ID" or "user:ID"
  asset currency = asset::credit;
  amount limit = 0;  // 0 in a change: remove it
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

/// Lets nodes join in the name of a provider. The store keeps what a proof is checked with, not the key.
struct node_key_row {
  std::string key_id, verifier, user_id, name;
  time_ms created_ms = 0;
  time_ms ends_ms = 0;     // of no use from then on; 0: never. In a change of a known key: only ever earlier
  time_ms revoked_ms = 0;  // by hand
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
  int32_t cpu_cores = 0;
  int64_t memory_mb = 0, disk_mb = 0;
  std::vector<gpu_device> devices;  // `gpus` with all that is known of them
  node_metrics metrics;             // of the newest beat
  // What the gateways say of it; a join leaves these as they are.
  int32_t trust_ppm = 300'000, reliability_ppm = 1'000'000;
  bool draining = false;       // takes no new work, by its own decision or an operator's
  time_ms drain_until_ms = 0;  // an operator's: what still runs then goes back; 0: none
  std::string gateway;         // where it hangs
};

/// A piece of what an attempt left for the next one. Taken only while the attempt has the job.
struct checkpoint_chunk {
  std::string job_id;
  int64_t epoch = 0;
  int32_t index = 0, count = 0;  // of `count` pieces; with the last one all of earlier attempts are forgotten
  std::string bytes;
};

/// An operator's word: no new work for the node, and its running jobs go back at that time. 0: not any more.
struct node_drain {
  std::string node_id;
  time_ms until_ms = 0;
};

struct tier_update {
  std::string user_id, tier;
};

struct identity_change;  // model/identity.hpp
struct audit_entry;      // model/audit.hpp

struct change {
  int32_t shard = -1;  // of the job: refused as stale when this gateway does not own it any more. -1: any gateway may
  std::optional<idempotency_row> once;
  bool only_again = false;  // only the answer to a known Idempotency-Key; anything new is errc::queue_full
  std::vector<transfer> transfers;
  std::optional<hold_open> opens;
  std::optional<hold_extend> extends;
  std::optional<hold_close> closes;
  std::optional<mature_move> matures;
  std::optional<correction> corrects;
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
  std::optional<node_mark> mark;  // what the end of the attempt says about its node
  std::optional<node_terms> terms;
  std::optional<provider_write> provider;
  std::optional<tier_update> tier;
  std::optional<usage_add> usage;
  std::optional<wallet_row> wallet;
  std::optional<withdrawal_open> withdraws;
  std::optional<withdrawal_move> withdrawal;
  std::optional<rental_write> rents;
  std::vector<spend_limit> spend_limits;
  std::optional<checkpoint_chunk> checkpoint;
  std::string forgets_checkpoints;  // of this job
  std::optional<node_drain> drains;
  std::optional<schedule_write> schedules;
  std::optional<firing> fires;
  std::optional<log_append> logs;
  std::shared_ptr<const identity_change> identity;
  std::shared_ptr<const audit_entry> audit;  // written whenever the change is
  amount low_balance = 0;  // a user's available dGPU that falls below this is told by an event in the same transaction
};

/// `why != ok`: the change left no trace.
struct change_result {
  errc why = errc::ok;
  std::string detail;
  amount required = 0, available = 0, balance = 0;  // insufficient_funds; balance also after a deposit
  bool replayed = false;  // the Idempotency-Key was known: status and body are the first answer
  int32_t status = 0;
  std::string body;
  int64_t last_event = 0;      // seq of the last event row written
  int64_t session_epoch = 0;   // node joins
  time_ms drain_until_ms = 0;  // of a node that joined or beats
  std::string warned;          // whose low_balance event was written
};

/// How long what runs on a node may still run there; -1: it is not to be drained.
inline int64_t drain_left_ms(const node_row& n, time_ms now_ms) {
  return n.drain_until_ms == 0 ? -1 : n.drain_until_ms > now_ms ? n.drain_until_ms - now_ms : 0;
}

failure to_failure(const change_result&);

}  // namespace troupe
