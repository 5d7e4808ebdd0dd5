// The tables of several gateways on one database.
#include "persistence/migrations.hpp"

namespace troupe::sql {

/// Epochs must never go back: these tables are as durable as the books.
const char* cluster_step() {
  return R"sql(
CREATE TABLE gateways(
  id      TEXT PRIMARY KEY,  -- of one incarnation
  name    TEXT NOT NULL,
  address TEXT NOT NULL,
  secret  TEXT NOT NULL,
  beat    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE shards(
  shard INTEGER PRIMARY KEY,
  owner TEXT NOT NULL,
  epoch INTEGER NOT NULL
) STRICT;
INSERT INTO shards(shard, owner, epoch)
  WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 64) SELECT i, '', 0 FROM n;
-- Group commits of all gateways come one after another: the chain of the journal has one end.
CREATE TABLE writing(
  one    INTEGER PRIMARY KEY,
  holder TEXT NOT NULL  -- whose group was the last: its view of the rows is still true
) STRICT;
INSERT INTO writing(one, holder) VALUES(1, '');
CREATE TABLE cluster_secrets(
  name  TEXT PRIMARY KEY,
  value TEXT NOT NULL
) STRICT, WITHOUT ROWID;
ALTER TABLE nodes ADD COLUMN gateway TEXT NOT NULL DEFAULT '';  -- where it hangs
CREATE INDEX jobs_granted ON jobs(node_id) WHERE ended = 0 AND state IN (3, 4, 7);
)sql";
}

}  // namespace troupe::sql
