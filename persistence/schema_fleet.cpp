// A step of the schema: what became of the work of each node, what was set of it, and who brings nodes.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* fleet_step() {
  return R"sql(
CREATE TABLE node_records(
  node_id              TEXT PRIMARY KEY,
  succeeded            INTEGER NOT NULL DEFAULT 0,
  failed               INTEGER NOT NULL DEFAULT 0,
  faults               INTEGER NOT NULL DEFAULT 0,
  lost                 INTEGER NOT NULL DEFAULT 0,
  rejected             INTEGER NOT NULL DEFAULT 0,
  late                 INTEGER NOT NULL DEFAULT 0,
  good                 INTEGER NOT NULL DEFAULT 0 CHECK (good >= 0),
  bad                  INTEGER NOT NULL DEFAULT 0 CHECK (bad >= 0),
  quarantined_ms       INTEGER NOT NULL DEFAULT 0,
  quarantined_until_ms INTEGER NOT NULL DEFAULT 0,
  quarantines          INTEGER NOT NULL DEFAULT 0,
  why                  TEXT NOT NULL DEFAULT '',
  rate                 INTEGER NOT NULL DEFAULT -1,
  labels               TEXT NOT NULL DEFAULT '',
  has_labels           INTEGER NOT NULL DEFAULT 0,
  maintenance          INTEGER NOT NULL DEFAULT 0,
  attestation          TEXT NOT NULL DEFAULT 'self',
  has_tpm              INTEGER NOT NULL DEFAULT 0,
  has_tee              INTEGER NOT NULL DEFAULT 0,
  secure_boot          INTEGER NOT NULL DEFAULT 0,
  changed_ms           INTEGER NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE INDEX node_records_changed ON node_records(changed_ms);

-- What happened to a node within the last minutes; marks of one incident count once.
CREATE TABLE node_strikes(
  node_id  TEXT NOT NULL,
  incident TEXT NOT NULL,
  job_id   TEXT NOT NULL,
  at_ms    INTEGER NOT NULL,
  PRIMARY KEY(node_id, incident, job_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX node_strikes_job ON node_strikes(job_id);

CREATE TABLE providers(
  id            TEXT PRIMARY KEY,
  user_id       TEXT NOT NULL UNIQUE,
  name          TEXT NOT NULL,
  hostname      TEXT NOT NULL,
  ip_address    TEXT NOT NULL,
  location      TEXT NOT NULL,
  gpus          TEXT NOT NULL,
  metadata      TEXT NOT NULL,
  maintenance   INTEGER NOT NULL,
  registered_ms INTEGER NOT NULL,
  changed_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";
}

}  // namespace troupe::sql
