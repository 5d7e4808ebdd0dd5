// What attempts leave for the next one, in pieces. Only the newest complete checkpoint of a job is kept.
#pragma once

#include "persistence/job_book.hpp"

namespace troupe::sql {

class checkpoint_book {
public:
  explicit checkpoint_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, job_book&, change_result& r);
  /// Cannot be refused. REQUIRES: `check` was true, and nothing was written since.
  void write(const change&);

private:
  statement put_, count_, forget_older_, forget_ended_;
};

}  // namespace troupe::sql
