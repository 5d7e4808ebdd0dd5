// A step of the schema: deadlines, dependencies, pauses of retries, timetables; what died and what expired is found.
#include "persistence/migrations.hpp"

namespace troupe::sql {

// `done` of a dependency: 0 the parent lives, 1 it succeeded, 2 it never will, 3 the child no longer asks. It is set
// in the transaction of the parent's end, so that no wake-up is lost; the index holds only what somebody must look at.
const char* waiting_step() {
  return R"sql(
ALTER TABLE jobs ADD COLUMN expires_ms    INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN retry_base_ms INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN retry_max_ms  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE attempts ADD COLUMN past INTEGER NOT NULL DEFAULT 0;  -- 1: of an earlier life of a redriven job
ALTER TABLE job_specs ADD COLUMN parents TEXT NOT NULL DEFAULT '';
UPDATE jobs SET ended = 4 WHERE ended = 2 AND state = 12;
UPDATE jobs SET ended = 5 WHERE ended = 2 AND state = 11;
CREATE INDEX jobs_expiry ON jobs(expires_ms) WHERE ended = 0 AND expires_ms > 0;

CREATE TABLE job_dependencies(
  child  TEXT NOT NULL,
  parent TEXT NOT NULL,
  done   INTEGER NOT NULL,
  PRIMARY KEY(child, parent)
) STRICT, WITHOUT ROWID;
CREATE INDEX dependencies_parent ON job_dependencies(parent) WHERE done = 0;
CREATE INDEX dependencies_moved ON job_dependencies(child) WHERE done IN (1, 2);

CREATE TABLE schedules(
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL,
  key_id      TEXT NOT NULL,
  name        TEXT NOT NULL,
  cron        TEXT NOT NULL,
  job         TEXT NOT NULL,
  overlap     INTEGER NOT NULL,
  catch_up    INTEGER NOT NULL,
  enabled     INTEGER NOT NULL,
  version     INTEGER NOT NULL,
  start_ms    INTEGER NOT NULL,
  end_ms      INTEGER NOT NULL,
  next_ms     INTEGER NOT NULL,
  last_ms     INTEGER NOT NULL,
  last_job_id TEXT NOT NULL,
  last_error  TEXT NOT NULL,
  created_ms  INTEGER NOT NULL,
  changed_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX schedules_user ON schedules(user_id, id);
CREATE INDEX schedules_due ON schedules(next_ms) WHERE next_ms > 0;

CREATE TABLE firings(
  schedule_id TEXT NOT NULL,
  fire_ms     INTEGER NOT NULL,
  at_ms       INTEGER NOT NULL,
  job_id      TEXT NOT NULL,
  error       TEXT NOT NULL,
  PRIMARY KEY(schedule_id, fire_ms)
) STRICT, WITHOUT ROWID;
)sql";
}

}  // namespace troupe::sql
