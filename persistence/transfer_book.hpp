// Money that moves at once: transfers, corrections of earlier ones, and earnings that mature.
#pragma once

#include <map>
#include <tuple>

#include "persistence/account_book.hpp"

namespace troupe::sql {

class transfer_book {
public:
  transfer_book(connection&, account_book&);

  /// Drafts what the change moves. False: `r` says why not.
  bool check(const change&, time_ms now_ms, change_result& r);
  /// REQUIRES: `check` of the same change was true.
  void write(const change&);
  /// The provider's part of a capture becomes payable at `due_ms`, though never in the second that it is.
  void matures_later(const account_key&, amount, time_ms due_ms, time_ms now_ms);
  void flush();

private:
  using bucket = std::tuple<std::string, asset, int64_t>;  // owner, asset, second

  bool plan(const transfer&, change_result&);
  bool plan(const correction&, change_result&);
  bool plan(const mature_move&, change_result&);

  account_book& accounts_;
  statement find_bucket_, delete_bucket_;
  bulk put_buckets_;
  std::map<bucket, amount> maturing_;  // to be added by this group
};

}  // namespace troupe::sql
