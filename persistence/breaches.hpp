// What an audit found, and the parts an audit is made of.
#pragma once

#include <string>
#include <unordered_map>

#include "persistence/journal.hpp"
#include "persistence/sqlite.hpp"
#include "persistence/store.hpp"

namespace troupe::sqlite {

inline constexpr size_t breaches_max = 100;

/// Sums of a file that somebody edited may leave int64.
using wide = __int128;

/// An account as its row says, and as the journal says.
struct audited_account {
  account_key key;
  amount balance = 0, held = 0;
  int64_t entries = 0, newest = 0;
  wide balance_due = 0, held_due = 0;
  int64_t entries_due = 0, newest_due = 0;
};

struct audit {
  connection& db;
  verdict found;
  std::unordered_map<int64_t, audited_account> accounts;
  int64_t hold_rows = 0;  // journal rows that name a hold

  void breach(std::string what) {
    if (found.breaches.size() < breaches_max) found.breaches.push_back(std::move(what));
  }
};

void audit_journal(audit&);   // the chain, and what accounts should hold
void audit_accounts(audit&);  // REQUIRES: after audit_journal
void audit_holds(audit&);     // REQUIRES: after audit_journal
void audit_jobs(audit&);

}  // namespace troupe::sqlite
