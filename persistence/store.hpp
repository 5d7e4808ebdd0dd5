// What the actors need of a database, in their own words. SQLite and PostgreSQL implement it.
// One conformance suite (tests/persistence/store_conformance.hpp) says what every engine must do.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <vector>

#include "model/change.hpp"
#include "persistence/membership.hpp"

namespace troupe {

class node_reader;
class identity_reader;
class people_reader;
class audit_reader;
struct credential_rules;
namespace sql {
class connection;
}

/// The database cannot be reached, is full or busy: the process goes DEGRADED. Anything else thrown is a bug.
struct store_unavailable : std::runtime_error {
  using runtime_error::runtime_error;
};

/// The one writing connection. Used by the ledger actor only, on its own thread.
class store_writer {
public:
  virtual ~store_writer() = default;
  /// A group commit: begin, apply as many changes as there are, commit. After a store_unavailable the group is lost:
  /// call rollback, which also re-opens the connection when that is needed. `coming`: the changes that will be applied,
  /// so that what they ask for is read at once; others may be applied, too.
  virtual void begin(const std::vector<const change*>& coming) = 0;
  void begin() { begin({}); }
  /// Applies one change inside the group; a refused change leaves no trace and does not disturb the others. What is
  /// written may wait for the commit. REQUIRES: between begin and commit.
  virtual change_result apply(const change&, time_ms now_ms) = 0;
  /// Durable when it returns.
  virtual void commit() = 0;
  /// The last commit may have brought jobs that wait for others to their time.
  virtual bool woke_waiting() const { return false; }
  virtual void rollback() = 0;
};

struct job_view {
  job row;
  job_spec spec;
  std::optional<run_report> result;
};

struct job_filter {
  std::string user_id;
  std::optional<std::string> status;  // public word: queued, processing, cancelling, completed, failed, cancelled
  std::string before_id;              // page: ids below this one (newest first); empty: from the newest
  int32_t limit = 50;
  std::optional<job_state> state = std::nullopt;  // closer than the word
};

/// What the dispatcher needs to know of a live job.
struct job_brief {
  std::string id, user_id;
  job_state state = job_state::queued;
  int32_t priority = 5;
  int64_t lease_epoch = 0;
  time_ms created_ms = 0, run_at_ms = 0;
  std::string node_id;  // of the newest grant
  demand needs;
  std::string devices;  // of the newest grant
};
template <class I>
auto inspect(I& f, job_brief& x) {
  return f(x.id, x.user_id, x.state, x.priority, x.lease_epoch, x.created_ms, x.run_at_ms, x.node_id, x.needs,
           x.devices);
}

struct balance_row {
  account_key account;
  amount balance = 0;  // includes what is held
  amount held = 0;
};

struct transaction_row {
  int64_t seq = 0;
  std::string id;
  transfer_code code = transfer_code::deposit;
  account_key debit, credit;
  amount value = 0;
  std::string job_id, hold_id, note;
  time_ms at_ms = 0;
};

struct credential_row {
  user_row user;
  std::string credential_id;
  time_ms expires_ms = 0, revoked_ms = 0;
  std::vector<spend_limit> limits;                // of the user and of the API key
  std::string status = "active";                  // of the user: active | suspended
  std::shared_ptr<const credential_rules> rules;  // of the API key; null: none
  bool mfa = false;      // the user has a second factor, and the session has shown it; of a key: the user has one
  bool mfa_due = false;  // the user has one, and the session has not shown it
};

struct usage_filter {
  std::string user_id;           // empty: everybody's
  std::string from_day, to_day;  // inclusive; empty: open
  std::string key_id, model;     // empty: any
};
/// What lines are added up over; `all`: one line for each asset.
enum class usage_by : uint8_t { all, day, key, model, user };
struct credit_total {
  asset currency = asset::credit;
  amount purchased = 0, consumed = 0;  // deposits and grants; usage of what has ended
};
struct due_bucket {
  mature_move what;
  amount value = 0;
};

/// Wallets, withdrawals, billing sessions, limits and sums over days.
class book_reader {
public:
  virtual ~book_reader() = default;
  virtual std::optional<wallet_row> find_wallet(const std::string& owner) = 0;
  virtual std::optional<withdrawal_row> find_withdrawal(const std::string& id) = 0;
  /// Newest first. Empty user: everybody's.
  virtual std::vector<withdrawal_row> list_withdrawals(const std::string& user_id, int32_t limit, int32_t offset) = 0;
  virtual std::vector<withdrawal_row> lapsed_withdrawals(time_ms now_ms, int32_t limit) = 0;  // still reserved
  virtual std::optional<rental> find_rental(const std::string& id) = 0;
  /// Newest first, ids below `before_id`; by the one who pays, or by the one who earns.
  virtual std::vector<rental> list_rentals(const std::string& user_id, bool as_provider, const std::string& before_id,
                                           int32_t limit) = 0;
  virtual std::vector<rental> due_rentals(time_ms now_ms, int32_t limit) = 0;  // active ones
  virtual std::vector<rental> active_rentals(const std::string& node_id) = 0;
  virtual std::vector<due_bucket> due_earnings(time_ms now_ms, int32_t limit) = 0;
  /// One line per key, model, kind, day and asset.
  virtual std::vector<usage_add> usage(const usage_filter&) = 0;
  /// Sums per asset and what `by` says, days in order, everything else by cost, the most first.
  virtual std::vector<usage_add> usage_sums(const usage_filter&, usage_by, int32_t limit) = 0;
  virtual std::vector<credit_total> credit_totals(const std::string& user_id) = 0;
  virtual std::vector<spend_limit> spend_limits(const std::string& scope) = 0;
  virtual amount committed(const std::string& scope, const std::string& period, asset) = 0;
  virtual std::optional<transaction_row> find_transaction(const std::string& id) = 0;
  /// Newest first, until `take` says no: rows in which an account of the owner is debit or credit. Answers what the
  /// accounts held right after the first of these rows.
  virtual std::vector<balance_row> walk_transactions(const std::string& owner,
                                                     const std::function<bool(const transaction_row&)>& take) = 0;
  /// What left that account for good: approved and sent withdrawals, fees included.
  virtual amount withdrawn(const account_key&) = 0;
  /// Jobs that wait for a node, of one user or (empty) of all.
  virtual int64_t waiting_jobs(const std::string& user_id) = 0;
  /// For how long this job or billing session ran on its provider's node, when it was paid.
  virtual int64_t paid_ms(const std::string& job_id) = 0;
  /// A piece of what that attempt left; `count` 0: it left nothing, or not all of it arrived.
  virtual checkpoint_chunk find_checkpoint(const std::string& job_id, int64_t epoch, int32_t index) = 0;
  /// Jobs that have ended and need theirs no more.
  virtual std::vector<std::string> spent_checkpoints(int32_t limit) = 0;
};

/// A job that waits for others, none of which it still waits for.
struct ready_child {
  std::string id;
  std::string failed_parent;  // empty: all have succeeded
};

/// What waits for its time, or for others.
class waiting_reader {
public:
  virtual ~waiting_reader() = default;
  /// Jobs that nobody may begin with any more, and nobody has begun with.
  virtual std::vector<std::string> expired_jobs(time_ms now_ms, int32_t limit) = 0;
  virtual std::vector<ready_child> ready_children(int32_t limit) = 0;
  virtual std::vector<schedule> due_schedules(time_ms now_ms, int32_t limit) = 0;
  virtual std::optional<schedule> find_schedule(const std::string& id) = 0;
  /// In order of id, ids above `after_id`.
  virtual std::vector<schedule> list_schedules(const std::string& user_id, const std::string& after_id,
                                               int32_t limit) = 0;
  /// Newest first.
  virtual std::vector<firing> firings(const std::string& schedule_id, int32_t limit) = 0;
};

/// What attempts wrote.
class log_reader {
public:
  virtual ~log_reader() = default;
  virtual log_owner owner(const std::string& job_id) = 0;
  /// In order of epoch, without those that their node turned down: the place in the list is the attempt's number.
  virtual std::vector<attempt_seen> attempts(const std::string& job_id) = 0;
  /// In order of attempt and name.
  virtual std::vector<log_stream> streams(const std::string& job_id) = 0;
  /// `most` bytes from there on, fewer at the end.
  virtual std::string read(const std::string& job_id, int64_t epoch, const std::string& stream, int64_t from,
                           int64_t most) = 0;
};

/// A read-only connection; each sees the newest committed state at every call. One thread each.
class store_reader {
public:
  virtual ~store_reader() = default;
  virtual std::optional<job_view> find_job(const std::string& id) = 0;
  virtual std::vector<job_view> list_jobs(const job_filter&) = 0;  // without results
  /// Live jobs for the dispatcher: `states`, in order of id, ids above `after_id`.
  /// The jobs that a node was given and has not given back.
  virtual std::vector<job_brief> granted_jobs(const std::string& node_id) = 0;
  virtual std::vector<job_brief> live_jobs(const std::vector<job_state>& states, const std::string& after_id,
                                           int32_t limit) = 0;
  virtual std::optional<idempotency_row> find_idempotent(const std::string& scope, const std::string& key) = 0;
  virtual std::vector<event_row> events_after(const std::string& user_id, const std::string& job_id, int64_t after,
                                              int32_t limit) = 0;  // empty job_id: all of the user's
  virtual int64_t last_event() = 0;
  virtual std::optional<user_row> find_user(const std::string& id) = 0;
  virtual std::optional<user_row> find_user_by_login(const std::string& email_or_username) = 0;
  virtual std::optional<credential_row> find_api_key(const std::string& key_hash) = 0;
  virtual std::optional<credential_row> find_session(const std::string& id) = 0;
  virtual std::optional<node_key_row> find_node_key(const std::string& key_id) = 0;
  virtual std::vector<node_row> list_nodes() = 0;
  virtual std::vector<balance_row> balances(const std::string& owner) = 0;
  /// Newest first; rows in which one of the owner's accounts is debit or credit.
  virtual std::vector<transaction_row> transactions(const std::string& owner, int32_t limit, int32_t offset,
                                                    const std::string& job_id) = 0;
  virtual int64_t count_transactions(const std::string& owner) = 0;
  /// The same connection, for what is asked less often.
  virtual book_reader& books() = 0;
  virtual node_reader& nodes() = 0;
  virtual waiting_reader& waiting() = 0;
  virtual log_reader& logs() = 0;
  virtual identity_reader& identity() = 0;
  virtual people_reader& people() = 0;
  virtual audit_reader& audit() = 0;
};

/// What `troupe ledger verify` found. `breaches` empty: the books are right.
struct verdict {
  int64_t journal_rows = 0, accounts = 0, holds = 0, jobs = 0;
  std::vector<std::string> breaches;  // at most 100, each names the row
};

/// Owns the place of the data; opens connections to it.
class store {
public:
  virtual ~store();
  /// `mine`: the seat of this gateway among others that write, too; the writer fences every group with it. Null: the
  /// only writer there may be, or store_unavailable. REQUIRES: the seat outlives the writer.
  virtual std::unique_ptr<store_writer> open_writer(const seat* mine = nullptr) = 0;
  /// Null: this engine has room for one gateway only.
  virtual std::unique_ptr<membership> open_membership() { return nullptr; }
  virtual std::unique_ptr<store_reader> open_reader() = 0;
  /// Re-derives everything from the journal in one read transaction; works beside a running server.
  virtual verdict verify() = 0;
  /// Calls `row` with each journal row in order, as one JSON line or CSV line.
  virtual void export_journal(bool csv, const std::function<void(const std::string&)>& row) = 0;

  /// INTERNAL, for copies: all tables as of one moment; and a connection that may fill them.
  virtual std::unique_ptr<sql::connection> open_snapshot() = 0;
  virtual std::unique_ptr<sql::connection> open_for_copy() = 0;
};

/// Opens (and migrates) the store of an installation: SQLite in `data_dir` unless `database` says otherwise.
/// `timeout_ms`: of one statement of PostgreSQL, and of waiting for a lock there.
/// `must_exist`: throws when there is nothing yet, instead of making it. Throws store_unavailable.
std::unique_ptr<store> open_store(const std::string& data_dir, const std::string& database, bool must_exist = false,
                                  int64_t timeout_ms = 5'000);

}  // namespace troupe
