// The work of a change: jobs, attempts and results. A job that moves more than once in a group is written once.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <unordered_set>

#include "model/change.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

class job_book {
public:
  explicit job_book(connection&);

  /// What the changes of a group will ask for, read at once; for an engine that is far away.
  void expect(const change&);
  void fetch();
  void forget() { jobs_.clear(); }

  /// Reads only. False: `r` says why not.
  bool check(const change&, change_result& r);
  /// Cannot be refused. REQUIRES: `check` was true, and nothing was written since.
  void write(const change&);
  /// REQUIRES: called before the commit. Throws store_unavailable when somebody else wrote what we believed to know.
  void flush();
  /// The newest grant of a job that lives, and not yet ended.
  bool has_open_attempt(const std::string& job_id, int64_t epoch);

private:
  /// What we believe of a job's row; the write compares it with the row.
  struct known {
    int64_t version = 0, epoch = 0;
    bool ended = false;
  };
  /// A job as it will be after the group; `before` is in the row.
  struct draft {
    job next;
    int64_t before = 0;
    int64_t life_epoch = 0;  // its life began in this group; the row has ended
  };
  using attempt_key = std::pair<std::string, int64_t>;  // job, epoch
  struct attempt {
    attempt_outcome outcome = attempt_outcome::open;
    int64_t ran_ms = 0;
    time_ms at_ms = 0;
    amount accrued = 0;
    bool unwritten = false;  // its end
  };

  const known* find(const std::string& id);
  attempt* find_attempt(const attempt_key&);
  bool has_result(const attempt_key&);
  bool check_attempt(const attempt_row&, change_result&);
  bool check_move(const job_update&, change_result&);
  bool check_redrive(const job_update&, const known&, change_result&);
  void redriven(const draft&);
  void write_attempt(const attempt_row&);
  void flush_attempts();

  statement find_job_, find_state_, find_attempt_, any_result_, redrive_, leave_behind_;
  bulk insert_jobs_, insert_specs_, move_jobs_, end_jobs_, insert_attempts_, close_attempts_, insert_results_;
  std::optional<statement> fetch_jobs_, fetch_attempts_, fetch_results_;
  std::vector<std::string> wanted_jobs_, wanted_attempts_;
  std::unordered_set<std::string> absent_;   // jobs looked for, and not there when the group began
  std::unordered_set<std::string> fetched_;  // jobs whose attempts and results are all known
  std::unordered_map<std::string, known> jobs_;
  std::unordered_map<std::string, draft> drafts_;
  std::map<attempt_key, attempt> attempts_;
  std::set<attempt_key> results_;  // that are there, or that this group writes
};

/// The column `ended`: 0 while the job lives; of what most jobs do, 1.
int ended_word(job_state);

}  // namespace troupe::sql
