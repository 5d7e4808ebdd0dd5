// A step of the schema: the audit trail, which nobody changes; and when a user was suspended.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* audit_step() {
  return R"sql(
CREATE TABLE audit_log(
  seq        INTEGER PRIMARY KEY,  -- from 1, without a gap
  at_ms      INTEGER NOT NULL,
  actor      TEXT NOT NULL,
  credential TEXT NOT NULL,
  action     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  outcome    TEXT NOT NULL,
  ip         TEXT NOT NULL,
  request_id TEXT NOT NULL,
  detail     TEXT NOT NULL,
  hash       TEXT NOT NULL         -- over all of these and the hash before
) STRICT;
CREATE INDEX audit_by_actor   ON audit_log(actor, seq);
CREATE INDEX audit_by_action  ON audit_log(action, seq);
CREATE INDEX audit_by_subject ON audit_log(subject, seq);
CREATE INDEX audit_by_time    ON audit_log(at_ms, seq);
-- The newest row, told a second time: a tail that was cut off shows.
CREATE TABLE audit_end(
  one  INTEGER PRIMARY KEY,
  seq  INTEGER NOT NULL,
  hash TEXT NOT NULL
) STRICT;
INSERT INTO audit_end(one, seq, hash) VALUES(1, 0, '');
<<lite:
CREATE TRIGGER audit_log_kept BEFORE DELETE ON audit_log
  BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
CREATE TRIGGER audit_log_unchanged BEFORE UPDATE ON audit_log
  BEGIN SELECT RAISE(ABORT, 'the audit trail is append-only'); END;
>><<pg:
CREATE FUNCTION audit_log_refuses() RETURNS trigger LANGUAGE plpgsql AS
  $$BEGIN RAISE EXCEPTION 'the audit trail is append-only'; END$$;
CREATE TRIGGER audit_log_kept BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_log
  FOR EACH STATEMENT EXECUTE FUNCTION audit_log_refuses();
>>
ALTER TABLE users ADD COLUMN status_ms INTEGER NOT NULL DEFAULT 0;  -- of its newest change
CREATE INDEX users_suspended ON users(status_ms) WHERE status = 'suspended';
CREATE INDEX api_keys_of_users ON api_keys(user_id, id);
)sql";
}

}  // namespace troupe::sql
