// The events of a change. Each leads to the one before it of the same user; marks along the way let a reader start
// anywhere. An index by user would write a random page for every event once there are many users.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class event_book {
public:
  explicit event_book(connection&);

  /// What the changes of a group will ask for, read at once; for an engine that is far away.
  void expect(const change&);
  void fetch();
  void forget();

  void write(const std::vector<event_row>&, change_result&);
  /// Once for each user of a group. REQUIRES: called before the commit.
  void flush();

private:
  /// What is known of a user's events; written to `event_ends` by `flush`.
  struct end {
    int64_t newest = 0, count = 0;
    bool written = true;
  };
  using ends = std::unordered_map<std::string, end>;

  ends::value_type& end_of(const std::string& user_id);

  statement find_last_, find_end_;
  std::optional<statement> fetch_ends_;
  std::vector<std::string> wanted_;
  bulk insert_, put_ends_, insert_marks_;
  ends ends_;
  std::vector<ends::value_type*> unwritten_;
  int64_t last_ = 0;
};

}  // namespace troupe::sql
