// Holds: money put aside for one piece of work, taken in one or more captures, the rest given back. And the ceilings
// that holds count in.
#pragma once

#include <map>

#include "persistence/account_book.hpp"
#include "persistence/transfer_book.hpp"

namespace troupe::sql {

class hold_book {
public:
  hold_book(connection&, account_book&, transfer_book&);

  void expect(const change&);
  void fetch();
  void forget();

  /// Drafts what the change does to holds. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// REQUIRES: `check` of the same change was true, and the accounts were written.
  void write(const change&, time_ms now_ms);
  void flush();

private:
  /// A row of `holds` as it will be after the group.
  struct hold {
    account_key key;
    std::string job_id;
    amount value = 0, captured = 0, released = 0;
    int state = 0;
    int32_t steps = 0;
    std::vector<spend_guard> guards;
    int32_t stored_steps = 0;  // in the row
    bool unwritten = false;
  };
  using cache = std::unordered_map<std::string, hold>;
  /// What a key or user has committed to in one period.
  using ceiling_key = std::tuple<std::string, std::string, asset>;  // scope, period
  struct ceiling {
    amount committed = 0;
    bool unwritten = false;
  };

  hold* find(const std::string& id);
  hold* open_one(const std::string& id, const std::string& job_id, change_result&);
  bool plan(const hold_open&, change_result&);
  bool plan(const hold_extend&, change_result&);
  bool plan(const hold_close&, change_result&);
  bool capture(const hold_close&, const hold&, size_t from, change_result&);
  bool fits(const std::vector<spend_guard>&, asset, amount value, change_result&);
  std::pair<const ceiling_key, ceiling>& committed(const spend_guard&, asset);
  void commit_to(const hold&, amount value);
  void touch(const std::string& id, hold&);

  account_book& accounts_;
  transfer_book& transfers_;
  statement find_hold_, find_ceiling_;
  bulk insert_holds_, update_holds_, put_ceilings_;
  std::optional<statement> fetch_holds_;
  std::vector<std::string> wanted_;
  std::unordered_set<std::string> absent_;
  cache holds_;
  std::vector<std::string> unwritten_;
  std::map<ceiling_key, ceiling> ceilings_;
  std::vector<std::pair<const ceiling_key, ceiling>*> unwritten_ceilings_;
  size_t account_of_open_ = 0;
};

}  // namespace troupe::sql
