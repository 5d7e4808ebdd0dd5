// Accounts and the journal: what a change would make of them, and, once all of it is found good, the writing.
// The only code that writes them. Each account is written once for a whole group, whatever happened to it.
#pragma once

#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "persistence/journal.hpp"
#include "persistence/sql.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

/// A journal row to be; `debit` and `credit` are places among the drafts.
struct posting {
  std::string id;
  journal_kind kind = journal_kind::post;
  transfer_code code = transfer_code::deposit;
  size_t debit = 0, credit = 0;
  amount value = 0;
  std::string hold_id, job_id, note;
  int64_t debit_before = 0, credit_before = 0;
};

/// A row of the journal that was posted before.
struct posted {
  journal_kind kind = journal_kind::post;
  transfer what;
  std::string hold_id, job_id;
};

class account_book {
public:
  explicit account_book(connection&);

  /// What the changes of a group will ask for, read at once; for an engine that is far away.
  void expect(const change&);
  void expect(const account_key&);
  void fetch();
  /// Somebody else wrote: what is remembered of rows is worth nothing.
  void forget();

  /// Forgets the drafts of the change before.
  void start();
  /// The place of the account among the drafts; the row is made later, should the change be taken.
  size_t draft_of(const account_key&);
  const account_key& key(size_t draft) const { return drafts_[draft].home->first; }
  amount balance(size_t draft) const { return drafts_[draft].balance; }
  amount free(size_t draft) const { return drafts_[draft].balance - drafts_[draft].held; }
  /// REQUIRES: an account has no more held than it has, or it is unguarded.
  void hold(size_t draft, amount value) { drafts_[draft].held += value; }
  /// False: `r` says that the sum would not fit.
  bool move(size_t from, size_t to, amount value, change_result& r);
  void post(posting);
  /// False, with `r` saying so, when a guarded account has less than that free.
  bool can_spend(size_t draft, amount value, change_result& r) const;
  /// An earlier row of that id, also one that this change or this group is about to write.
  std::optional<posted> find_post(const std::string& id);
  /// The users whose available dGPU the drafts take from `least` or more to below it.
  std::vector<balance_row> fell_below(amount least) const;
  /// The account's number. REQUIRES: called after `write`.
  int64_t id(size_t draft) const { return drafts_[draft].home->second.id; }
  int64_t next_seq() const { return last_seq_ + std::ssize(postings_) + 1; }

  /// Cannot be refused. REQUIRES: nothing was written since `start`.
  void write(time_ms now_ms);
  /// REQUIRES: called before the commit. Throws store_unavailable when somebody else wrote what we believed to know.
  void flush();

private:
  /// What we believe of a row of `accounts`; the write compares it with the row. id 0: there is no row yet.
  struct account {
    int64_t id = 0;
    amount balance = 0, held = 0;
    int64_t newest = 0;
    int64_t entries = 0;                         // to add to the row's
    amount stored_balance = 0, stored_held = 0;  // in the row
    bool unwritten = false;
  };
  struct key_hash {
    size_t operator()(const account_key&) const;
  };
  using cache = std::unordered_map<account_key, account, key_hash>;
  /// An account as it will be after the change.
  struct draft {
    cache::value_type* home = nullptr;
    amount balance = 0, held = 0;
    int64_t newest = 0;
    int64_t entries = 0;
  };

  void read_end();
  void write_accounts();
  void write_journal(time_ms now_ms);

  connection& db_;
  statement find_account_, insert_account_, find_post_, find_end_;
  bulk update_accounts_, insert_rows_;
  std::optional<statement> fetch_accounts_, fetch_posts_;
  std::vector<std::string> wanted_owners_, wanted_posts_;
  std::unordered_set<std::string> absent_posts_;  // looked for, and not there when the group began
  std::unordered_set<std::string> fresh_posts_;   // written by this group
  cache accounts_;
  std::vector<cache::value_type*> unwritten_;
  std::vector<draft> drafts_;
  std::vector<posting> postings_;
  journal_hasher hasher_;
  std::string last_hash_;
  int64_t last_seq_ = 0;
};

/// "12.5 dGPU"
std::string text_of(amount, asset);

/// False for the accounts that may go below zero.
bool is_guarded(const account_key&);

}  // namespace troupe::sql
