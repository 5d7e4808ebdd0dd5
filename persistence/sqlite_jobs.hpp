// The work of a change: jobs, attempts and results.
#pragma once

#include "persistence/sqlite.hpp"

#include "model/change.hpp"

namespace troupe::sqlite {

class job_book {
public:
  explicit job_book(connection&);

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// The first write of a change, and the last place that may refuse it: it then has written nothing.
  bool take(const change&, change_result& r);
  /// The rest; cannot be refused. REQUIRES: `check` and `take` were true.
  void write(const change&);

private:
  bool check_attempt(const attempt_row&, change_result&);
  bool insert(const job_insert&, change_result&);
  bool update(const job&, change_result&);
  bool say_why(const job&, change_result&);
  void write_attempt(const attempt_row&);

  statement any_job_, find_job_, insert_job_, move_job_, end_job_, insert_spec_;
  statement find_attempt_, insert_attempt_, close_attempt_;
  statement any_result_, insert_result_;
};

/// The column `ended`: 0 while the job lives.
int ended_word(job_state);

}  // namespace troupe::sqlite
