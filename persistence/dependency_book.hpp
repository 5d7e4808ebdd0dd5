// Who waits for whom. The end of a parent is noted in its own transaction, so no wake-up can be lost; whoever looks at
// the notes afterwards only moves the child on.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class dependency_book {
public:
  explicit dependency_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  void write(const change&);
  /// REQUIRES: called before the commit, after the jobs were flushed.
  void flush();
  /// Whether there are children, since this was asked last, that somebody should look at.
  bool take_woken() { return std::exchange(woke_, false); }

private:
  struct parent {
    std::string user_id;
    job_state state = job_state::queued;
  };
  bool find(const std::string& id, parent&);
  bool check_parents(const job_insert&, change_result&);
  bool check_unblocked(const job& next, change_result&);
  void note_ends(const std::vector<std::string>& parents, int done);

  const bool far_;  // a round trip for each statement: ids are sent together
  statement find_parent_, any_undone_, any_unsuccessful_, note_end_, forget_;
  bulk insert_;
  std::unordered_map<std::string, parent> inserted_;   // in this group, and not in the table yet
  std::unordered_map<std::string, job_state> turned_;  // ends and new lives of this group
  std::vector<std::string> unblocked_;                 // in this group
  bool woke_ = false;
};

}  // namespace troupe::sql
