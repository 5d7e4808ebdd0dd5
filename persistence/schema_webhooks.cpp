// A step of the schema: addresses of users that are told of events, and what became of the newest of these.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* webhooks_step() {
  return R"sql(
CREATE TABLE webhooks(
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL,
  url         TEXT NOT NULL,     -- sealed with the context "webhook_url:ID"
  secret      TEXT NOT NULL,     -- sealed with the context "webhook:ID"
  old_secret  TEXT NOT NULL,     -- sealed with the context "webhook_old:ID", or empty
  old_ends_ms INTEGER NOT NULL,
  events      TEXT NOT NULL,
  active      INTEGER NOT NULL,
  told_seq    INTEGER NOT NULL,  -- events of the user up to here are settled
  attempts    INTEGER NOT NULL,
  next_ms     INTEGER NOT NULL,
  given_up    INTEGER NOT NULL,
  created_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX webhooks_user ON webhooks(user_id);
CREATE INDEX webhooks_active ON webhooks(id) WHERE active = 1;

CREATE TABLE webhook_deliveries(
  webhook_id TEXT NOT NULL,
  seq        INTEGER NOT NULL,   -- of the event
  event      TEXT NOT NULL,
  state      TEXT NOT NULL,      -- delivered | retrying | given_up
  attempts   INTEGER NOT NULL,
  status     INTEGER NOT NULL,
  trouble    TEXT NOT NULL,
  first_ms   INTEGER NOT NULL,
  last_ms    INTEGER NOT NULL,
  next_ms    INTEGER NOT NULL,
  PRIMARY KEY(webhook_id, seq)
) STRICT, WITHOUT ROWID;
)sql";
}

}  // namespace troupe::sql
