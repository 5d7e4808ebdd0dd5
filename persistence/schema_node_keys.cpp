// A step of the schema: node keys are looked up by an id, end, and are revoked. What was kept of the old ones is not
// enough to check a proof with; they were only ever the demo's and the local node's, which are stored at every start.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* node_keys_step() {
  return R"sql(
DROP TABLE node_keys;
CREATE TABLE node_keys(
  key_id     TEXT PRIMARY KEY,
  verifier   TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  ends_ms    INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX node_keys_user ON node_keys(user_id);
CREATE INDEX node_keys_ends ON node_keys(ends_ms) WHERE ends_ms > 0;
)sql";
}

}  // namespace troupe::sql
