// What an audit found, and the parts an audit is made of.
#pragma once

#include <string>
#include <unordered_map>

#include "persistence/journal.hpp"
#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

inline constexpr size_t breaches_max = 100;
inline constexpr int64_t audit_page = 5'000;  // rows read at once

/// Sums of tables that somebody edited may leave int64.
using wide = __int128;

/// An account as its row says, and as the journal says.
struct audited_account {
  account_key key;
  amount balance = 0, held = 0;
  int64_t entries = 0, newest = 0;
  wide balance_due = 0, held_due = 0;
  int64_t entries_due = 0, newest_due = 0;
};

/// What the journal says of a hold.
struct audited_hold {
  int64_t account = 0;
  wide taken = 0, provider = 0, fee = 0, released = 0;
  std::string job_id;
  bool mixed = false;  // rows of different accounts or jobs
  bool seen = false;   // there is a row in `holds`
};

struct audit {
  connection& db;
  verdict found;
  std::unordered_map<int64_t, audited_account> accounts;
  std::unordered_map<std::string, audited_hold> holds;

  void breach(std::string what) {
    if (found.breaches.size() < breaches_max) found.breaches.push_back(std::move(what));
  }
};

/// Reads a table in pages, in order of its key: `take(row&)` returns the key of its row.
/// `sql`: "... WHERE key > ? ORDER BY key LIMIT ?".
template <class Key, class Take>
void each_row(connection& db, const std::string& sql, Key key, Take take) {
  statement page{db, sql};
  for (int64_t count = audit_page; count == audit_page;) {
    count = 0;
    auto after = key;
    page.each(
        [&](row& r) {
          key = take(r);
          ++count;
        },
        after, audit_page);
  }
}

void audit_journal(audit&);   // the chain, and what accounts should hold
void audit_accounts(audit&);  // REQUIRES: after audit_journal
void audit_holds(audit&);     // REQUIRES: after audit_journal
void audit_jobs(audit&);      // REQUIRES: after audit_journal
void audit_spending(audit&);
void audit_usage(audit&);  // REQUIRES: after audit_journal. Days, purchases and sessions
void audit_withdrawals(audit&);
void audit_waiting(audit&);  // REQUIRES: after audit_journal

}  // namespace troupe::sql
