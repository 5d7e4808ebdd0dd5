// The money of a change: first checked against the accounts without writing, then written with compare-and-set.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "persistence/journal.hpp"
#include "persistence/sqlite.hpp"

namespace troupe::sqlite {

class money_book {
public:
  explicit money_book(connection&);

  /// Reads only. False: `r` says why not. True: `write` of the same change cannot be refused.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true, and nothing was written since.
  void write(const change&, time_ms now_ms);

private:
  /// What we believe of a row of `accounts`; every write compares it with the row. id 0: there is no row yet.
  struct account {
    int64_t id = 0;
    amount balance = 0, held = 0;
    int64_t newest = 0;
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
  /// A journal row to be; `debit` and `credit` are places in `drafts_`.
  struct posting {
    std::string id;
    journal_kind kind = journal_kind::post;
    transfer_code code = transfer_code::deposit;
    size_t debit = 0, credit = 0;
    amount value = 0;
    std::string_view hold_id, job_id, note;
    int64_t debit_before = 0, credit_before = 0;
  };
  struct open_hold {
    account_key key;
    amount value = 0;
    int state = 0;
    std::string job_id;
  };

  bool plan(const transfer&, change_result&);
  bool plan(const hold_open&, change_result&);
  bool plan(const hold_close&, change_result&);
  bool known(const transfer&, change_result&, bool& same);
  bool find(const hold_close&, change_result&, open_hold&);
  bool move(size_t from, size_t to, amount value, change_result&);
  size_t draft_of(const account_key&);
  void post(posting);
  void write_accounts();
  void write_journal(time_ms now_ms);

  statement find_account_, insert_account_, update_account_;
  statement find_hold_, any_hold_, insert_hold_, update_hold_;
  statement find_post_, insert_row_;
  cache accounts_;
  std::vector<draft> drafts_;
  std::vector<posting> postings_;
  journal_hasher hasher_;
  std::string last_hash_;
  int64_t last_seq_ = 0;
};

}  // namespace troupe::sqlite
