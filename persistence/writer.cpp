// Group commit: one transaction of many changes, each checked completely before its first write, so that a refused
// change needs no savepoint to leave no trace.
#include "persistence/writer.hpp"

#include <map>
#include <optional>

#include "persistence/account_book.hpp"
#include "persistence/audit_book.hpp"
#include "persistence/checkpoint_book.hpp"
#include "persistence/dependency_book.hpp"
#include "persistence/event_book.hpp"
#include "persistence/fence.hpp"
#include "persistence/fleet_book.hpp"
#include "persistence/hold_book.hpp"
#include "persistence/identity_book.hpp"
#include "persistence/job_book.hpp"
#include "persistence/log_book.hpp"
#include "persistence/people_book.hpp"
#include "persistence/record_book.hpp"
#include "persistence/refusal.hpp"
#include "persistence/rental_book.hpp"
#include "persistence/schedule_book.hpp"
#include "persistence/usage_book.hpp"
#include "persistence/wallet_book.hpp"

namespace troupe::sql {

namespace {

/// First answers to Idempotency-Keys.
class answer_book {
public:
  explicit answer_book(connection& db)
      : find_{db, "SELECT request_hash,status,body FROM idempotency WHERE scope=? AND key=?"},
        insert_{db, "INSERT INTO idempotency(scope,key,request_hash,status,body,at_ms) VALUES(?,?,?,?,?,?)"} {
    if (db.kind() == engine::postgres)
      fetch_.emplace(db,
                     "SELECT scope,key,request_hash,status,body FROM idempotency"
                     " WHERE (scope,key) IN (SELECT * FROM unnest(?::text[],?::text[]))");
  }

  void expect(const change& c) {
    if (!fetch_ || !c.once) return;
    wanted_scopes_.push_back(c.once->scope);
    wanted_keys_.push_back(c.once->key);
  }
  void fetch() {
    if (wanted_keys_.empty()) return;
    for (size_t i = 0; i < wanted_keys_.size(); ++i) known_.try_emplace({wanted_scopes_[i], wanted_keys_[i]});
    auto take = [&](row& r) {
      idempotency_row x;
      r(x.scope, x.key, x.request_hash, x.status, x.body);
      known_[{x.scope, x.key}] = std::move(x);
    };
    fetch_->each(take, array_of(wanted_scopes_), array_of(wanted_keys_));
    wanted_scopes_.clear();
    wanted_keys_.clear();
  }
  /// True: the key came before, and `r` is all there is to say.
  bool answers(const idempotency_row& once, change_result& r) {
    auto [at, is_new] = known_.try_emplace({once.scope, once.key});
    auto& old = at->second;
    if (is_new) find_.first([&](row& x) { x(old.request_hash, old.status, old.body); }, once.scope, once.key);
    if (old.status == 0) return false;
    r.replayed = old.request_hash == once.request_hash;
    if (!r.replayed) refuse(r, errc::key_reused, "that Idempotency-Key came with another request");
    if (!r.replayed) return true;
    r.status = old.status;
    r.body = old.body;
    return true;
  }
  void write(const idempotency_row& x, time_ms now_ms) {
    insert_.add(x.scope, x.key, x.request_hash, x.status, x.body, now_ms);
    known_[{x.scope, x.key}] = x;
  }
  void flush() {
    if (!insert_.flush()) throw store_unavailable{"an Idempotency-Key was written by somebody else"};
    known_.clear();
  }

private:
  statement find_;
  bulk insert_;
  std::optional<statement> fetch_;
  std::vector<std::string> wanted_scopes_, wanted_keys_;
  std::map<std::pair<std::string, std::string>, idempotency_row> known_;  // of this group; status 0: not there
};

/// A connection and all that is remembered about the database; thrown away as a whole when anything is in doubt.
struct session {
  session(std::unique_ptr<connection> line, const seat* mine)
      : db{std::move(line)},
        answers{*db},
        accounts{*db},
        transfers{*db, accounts},
        holds{*db, accounts, transfers},
        jobs{*db},
        checkpoints{*db},
        dependencies{*db},
        schedules{*db},
        logs{*db},
        events{*db},
        people{*db},
        identity{*db},
        trail{*db},
        records{*db},
        fleet{*db},
        rentals{*db},
        usage{*db},
        wallets{*db} {
    if (mine != nullptr) gate.emplace(*db, *mine);
  }

  void begin(const std::vector<const change*>& coming) {
    db->begin();
    if (gate && !gate->enter(coming)) forget();
    for (const auto* c : coming) expect(*c);
    fetch();
  }
  /// Another gateway wrote: nothing that is remembered of rows counts any more.
  void forget() {
    accounts.forget();
    holds.forget();
    jobs.forget();
    events.forget();
  }

  void expect(const change& c) {
    answers.expect(c);
    accounts.expect(c);
    holds.expect(c);
    jobs.expect(c);
    events.expect(c);
  }
  void fetch() {
    answers.fetch();
    holds.fetch();  // names the accounts that pay
    accounts.fetch();
    jobs.fetch();
    events.fetch();
  }
  bool check(const change& c, time_ms now_ms, change_result& r) {
    accounts.start();
    if (gate && c.shard >= 0 && !gate->allows(c.shard))
      return refuse(r, errc::stale, "another gateway owns that job now");
    // First: who is stale must not hear of the money instead.
    if (!rentals.check(c, r) || !wallets.check(c, r) || !checkpoints.check(c, jobs, r)) return false;
    if (!schedules.check(c, r) || !logs.check(c, r) || !dependencies.check(c, r)) return false;
    return transfers.check(c, now_ms, r) && holds.check(c, r) && jobs.check(c, r) && people.check(c, r) &&
           identity.check(c, r) && fleet.check(c, r);
  }
  void write(const change& c, time_ms now_ms, change_result& r) {
    usage.look_at(c);
    auto poor = c.low_balance > 0 ? accounts.fell_below(c.low_balance) : std::vector<balance_row>{};
    accounts.write(now_ms);
    transfers.write(c);
    holds.write(c, now_ms);
    jobs.write(c);
    checkpoints.write(c);
    dependencies.write(c);
    schedules.write(c);
    logs.write(c);
    wallets.write(c);
    events.write(c.events, r);
    if (!poor.empty()) events.write(warnings(poor, now_ms, r), r);
    people.write(c, r);
    identity.write(c);
    trail.write(c, now_ms);
    fleet.write(c);
    records.write(c);
    rentals.write(c);
    usage.write(c);
    if (c.once) answers.write(*c.once, now_ms);
  }
  void flush() {
    accounts.flush();
    holds.flush();
    transfers.flush();
    jobs.flush();
    dependencies.flush();
    events.flush();
    usage.flush();
    records.flush();
    trail.flush();
    answers.flush();
  }

  std::unique_ptr<connection> db;
  std::optional<fence> gate;
  answer_book answers;
  account_book accounts;
  transfer_book transfers;
  hold_book holds;
  job_book jobs;
  checkpoint_book checkpoints;
  dependency_book dependencies;
  schedule_book schedules;
  log_book logs;
  event_book events;
  people_book people;
  identity_book identity;
  audit_book trail;
  record_book records;
  fleet_book fleet;
  rental_book rentals;
  usage_book usage;
  wallet_book wallets;
};

class writer : public store_writer {
public:
  writer(connect_fn connect, const seat* mine) : connect_{std::move(connect)}, seat_{mine} { open(); }

  void begin(const std::vector<const change*>& coming) override {
    if (!session_) open();
    session_->begin(coming);
  }
  change_result apply(const change&, time_ms now_ms) override;
  void commit() override {
    auto& s = here();
    s.flush();
    s.db->commit();
    woke_ = s.dependencies.take_woken();
  }
  bool woke_waiting() const override { return woke_; }
  /// Forgets everything, the connection included: after a failure that is the one state that is surely right.
  void rollback() override {
    session_.reset();
    open();
  }

private:
  void open() { session_ = std::make_unique<session>(connect_(), seat_); }
  /// A group that lost its transaction, for an engine ends it by itself on some errors, must not go on bit by bit.
  session& here() {
    if (session_ && session_->db->in_transaction()) return *session_;
    throw store_unavailable{"the group commit was lost"};
  }

  connect_fn connect_;
  const seat* seat_;
  bool woke_ = false;
  std::unique_ptr<session> session_;
};

change_result writer::apply(const change& c, time_ms now_ms) {
  auto& s = here();
  change_result r;
  if (c.once && s.answers.answers(*c.once, r)) return r;
  if (c.only_again) {
    refuse(r, errc::queue_full, "too many jobs wait");
    return r;
  }
  if (!s.check(c, now_ms, r)) return r;
  try {
    s.write(c, now_ms, r);
  } catch (const std::exception&) {
    session_.reset();  // a change half written must never be committed
    throw;
  }
  return r;
}

}  // namespace

std::unique_ptr<store_writer> open_writer(connect_fn connect, const seat* mine) {
  return std::make_unique<writer>(std::move(connect), mine);
}

}  // namespace troupe::sql
