// Group commit: one transaction of many changes, each checked completely before its first write, so that a refused
// change needs no savepoint to leave no trace.
#include "persistence/sqlite_writer.hpp"

#include <cassert>

#include "persistence/data_lock.hpp"
#include "persistence/refusal.hpp"
#include "persistence/sqlite_events.hpp"
#include "persistence/sqlite_jobs.hpp"
#include "persistence/sqlite_money.hpp"
#include "persistence/sqlite_people.hpp"

namespace troupe::sqlite {

namespace {

/// First answers to Idempotency-Keys.
class answer_book {
public:
  explicit answer_book(connection& db)
      : find_{db, "SELECT request_hash,status,body FROM idempotency WHERE scope=? AND key=?"},
        insert_{db, "INSERT INTO idempotency(scope,key,request_hash,status,body,at_ms) VALUES(?,?,?,?,?,?)"} {}

  /// True: the key came before, and `r` is all there is to say.
  bool answers(const idempotency_row& once, change_result& r) {
    std::string hash;
    if (!find_.first([&](row& x) { x(hash, r.status, r.body); }, once.scope, once.key)) return false;
    r.replayed = hash == once.request_hash;
    if (r.replayed) return true;
    r.status = 0;
    r.body.clear();
    refuse(r, errc::key_reused, "that Idempotency-Key came with another request");
    return true;
  }
  void write(const idempotency_row& x, time_ms now_ms) {
    insert_.run(x.scope, x.key, x.request_hash, x.status, x.body, now_ms);
  }

private:
  statement find_, insert_;
};

/// A connection and all that is remembered about the file; thrown away as a whole when anything is in doubt.
struct session {
  explicit session(const std::string& file)
      : db{file, access::write}, answers{db}, money{db}, jobs{db}, events{db}, people{db} {}

  /// Durable means: on the disk, also after a power cut. The log is folded back every 16 MiB, so that hot pages are
  /// written once per fold and a fold stays short.
  struct tuned : connection {
    tuned(const std::string& file, access how) : connection{file, how} {
      exec(
          "PRAGMA synchronous=FULL; PRAGMA cache_size=-32768; PRAGMA wal_autocheckpoint=4000;"
          "PRAGMA journal_size_limit=67108864;");
    }
  };
  tuned db;
  statement begin{db, "BEGIN IMMEDIATE"}, commit{db, "COMMIT"};
  answer_book answers;
  money_book money;
  job_book jobs;
  event_book events;
  people_book people;
};

class writer : public store_writer {
public:
  writer(std::string file, data_lock lock) : lock_{std::move(lock)}, file_{std::move(file)} { open(); }

  void begin() override {
    if (!session_) open();
    session_->begin.run();
  }
  change_result apply(const change&, time_ms now_ms) override;
  void commit() override {
    here().events.flush();
    session_->commit.run();
  }
  /// Forgets everything, the connection included: after a failure that is the one state that is surely right.
  void rollback() override {
    session_.reset();
    open();
  }

private:
  void open() { session_ = std::make_unique<session>(file_); }
  /// A group that lost its transaction, for SQLite ends it by itself on some errors, must not go on bit by bit.
  session& here() {
    if (session_ && session_->db.in_transaction()) return *session_;
    throw store_unavailable{"the group commit was lost"};
  }

  data_lock lock_;
  std::string file_;
  std::unique_ptr<session> session_;
};

change_result writer::apply(const change& c, time_ms now_ms) {
  auto& s = here();
  change_result r;
  if (c.once && s.answers.answers(*c.once, r)) return r;
  if (!s.money.check(c, r) || !s.jobs.check(c, r) || !s.people.check(c, r) || !s.jobs.take(c, r)) return r;
  try {
    s.money.write(c, now_ms);
    s.jobs.write(c);
    s.events.write(c.events, r);
    s.people.write(c, r);
    if (c.once) s.answers.write(*c.once, now_ms);
  } catch (const std::exception&) {
    session_.reset();  // a change half written must never be committed
    throw;
  }
  return r;
}

}  // namespace

std::unique_ptr<store_writer> open_writer(const std::string& file, const std::string& lock_file) {
  return std::make_unique<writer>(file, data_lock{lock_file});
}

}  // namespace troupe::sqlite
