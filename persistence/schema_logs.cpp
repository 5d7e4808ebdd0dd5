// A step of the schema: what attempts wrote, by (job, epoch, stream, start). No attempt can write over another's.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* logs_step() {
  return R"sql(
CREATE TABLE log_streams(
  job_id TEXT NOT NULL,
  epoch  INTEGER NOT NULL,
  stream TEXT NOT NULL,
  size   INTEGER NOT NULL,
  closed INTEGER NOT NULL,
  PRIMARY KEY(job_id, epoch, stream)
) STRICT, WITHOUT ROWID;

CREATE TABLE log_chunks(
  job_id TEXT NOT NULL,
  epoch  INTEGER NOT NULL,
  stream TEXT NOT NULL,
  start  INTEGER NOT NULL,
  size   INTEGER NOT NULL,
  bytes  BLOB NOT NULL,
  PRIMARY KEY(job_id, epoch, stream, start)
) STRICT;
)sql";
}

}  // namespace troupe::sql
