// Step 9 of the schema: what happens to a job while it runs: holds that grow, pay that accrues, checkpoints, drains.
#include "persistence/migrations.hpp"

namespace troupe::sql {

// Until now only the attempt whose report became the result was paid.
const char* running_step() {
  return R"sql(
ALTER TABLE jobs ADD COLUMN rare TEXT NOT NULL DEFAULT '';  -- empty for most
ALTER TABLE attempts ADD COLUMN accrued INTEGER NOT NULL DEFAULT 0;  -- what it is due, fee included
UPDATE attempts SET accrued = (SELECT j.cost FROM jobs j WHERE j.id = attempts.job_id)
WHERE EXISTS (SELECT 1 FROM jobs j JOIN results r ON r.job_id = j.id AND r.epoch = j.lease_epoch
              WHERE j.id = attempts.job_id AND j.lease_epoch = attempts.epoch AND j.ended > 0 AND j.cost > 0);

ALTER TABLE nodes ADD COLUMN drain_until_ms INTEGER NOT NULL DEFAULT 0;  -- 0: not draining

CREATE TABLE checkpoints(
  job_id TEXT NOT NULL,
  epoch  INTEGER NOT NULL,  -- of the attempt that left it
  piece  INTEGER NOT NULL,
  pieces INTEGER NOT NULL,
  bytes  BLOB NOT NULL,
  PRIMARY KEY(job_id, epoch, piece)
) STRICT, WITHOUT ROWID;
)sql";
}

}  // namespace troupe::sql
