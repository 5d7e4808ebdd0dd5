// Step 6 of the schema: what jobs need of a machine, which devices they were given, and what nodes have.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* device_step() {
  return R"sql(
ALTER TABLE jobs ADD COLUMN devices TEXT NOT NULL DEFAULT '';  -- of the newest grant: "PLACE:MB,..."

ALTER TABLE job_specs ADD COLUMN cpu_cores     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_specs ADD COLUMN memory_mb     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_specs ADD COLUMN disk_mb       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_specs ADD COLUMN exclusive     INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_specs ADD COLUMN spread        INTEGER NOT NULL DEFAULT 0;
ALTER TABLE job_specs ADD COLUMN min_trust_ppm INTEGER NOT NULL DEFAULT 0;

ALTER TABLE nodes ADD COLUMN cpu_cores       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN memory_mb       INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN disk_mb         INTEGER NOT NULL DEFAULT 0;
ALTER TABLE nodes ADD COLUMN devices         TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN metrics         TEXT NOT NULL DEFAULT '';
ALTER TABLE nodes ADD COLUMN trust_ppm       INTEGER NOT NULL DEFAULT 300000;
ALTER TABLE nodes ADD COLUMN reliability_ppm INTEGER NOT NULL DEFAULT 1000000;
ALTER TABLE nodes ADD COLUMN draining        INTEGER NOT NULL DEFAULT 0;
)sql";
}

}  // namespace troupe::sql
