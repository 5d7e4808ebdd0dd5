// A step of the schema: what was counted of requests, secrets of keys that were replaced, nonces of signed requests.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* limits_step() {
  return R"sql(
CREATE TABLE rate_counts(
  user_id      TEXT PRIMARY KEY,
  minute_start INTEGER NOT NULL,
  minute_count INTEGER NOT NULL,
  hour_start   INTEGER NOT NULL,
  hour_count   INTEGER NOT NULL,
  day_start    INTEGER NOT NULL,
  day_count    INTEGER NOT NULL,
  keys         TEXT NOT NULL  -- "key_id start count ..." of keys with a limit of their own
) STRICT, WITHOUT ROWID;

ALTER TABLE api_keys ADD COLUMN used_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX api_keys_user ON api_keys(user_id, created_ms);

CREATE TABLE old_keys(
  key_hash TEXT PRIMARY KEY,
  key_id   TEXT NOT NULL,
  ends_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX old_keys_key ON old_keys(key_id);

CREATE TABLE signing_nonces(
  credential TEXT NOT NULL,
  nonce      TEXT NOT NULL,
  ends_ms    INTEGER NOT NULL,
  PRIMARY KEY(credential, nonce)
) STRICT, WITHOUT ROWID;
CREATE INDEX signing_nonces_end ON signing_nonces(ends_ms);
)sql";
}

}  // namespace troupe::sql
