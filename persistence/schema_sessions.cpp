// A step of the schema: refresh tokens of sessions, where they came from, the keys that tokens are signed with; and any
// number of users without an e-mail address.
#include "persistence/migrations.hpp"

namespace troupe::sql {

/// A session has one good refresh token. All of its tokens begin with the same bytes, by which an old one is known.
const char* sessions_step() {
  return R"sql(
ALTER TABLE sessions ADD COLUMN family TEXT NOT NULL DEFAULT '';        -- SHA-256 of these bytes; '': no refresh tokens
ALTER TABLE sessions ADD COLUMN refresh_hash TEXT NOT NULL DEFAULT '';  -- SHA-256 of the one that is good
ALTER TABLE sessions ADD COLUMN scopes TEXT NOT NULL DEFAULT '';        -- with spaces between; '': all
ALTER TABLE sessions ADD COLUMN label TEXT NOT NULL DEFAULT 'login';
ALTER TABLE sessions ADD COLUMN ip TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN agent TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN refreshed_ms INTEGER NOT NULL DEFAULT 0;
CREATE UNIQUE INDEX sessions_family ON sessions(family) WHERE family <> '';
CREATE INDEX sessions_user ON sessions(user_id, created_ms);

CREATE TABLE signing_keys(
  kid       TEXT PRIMARY KEY,
  owner     TEXT NOT NULL,  -- which jwt_secret it belongs to
  algorithm TEXT NOT NULL,
  secret    TEXT NOT NULL,
  from_ms   INTEGER NOT NULL,
  ends_ms   INTEGER NOT NULL  -- 0: not retired
) STRICT, WITHOUT ROWID;

<<pg:ALTER TABLE users DROP CONSTRAINT users_email_key;>>
<<lite:CREATE TABLE users_new(
  id            TEXT PRIMARY KEY,
  email         TEXT NOT NULL,
  username      TEXT NOT NULL,
  organization  TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  role          TEXT NOT NULL,
  tier          TEXT NOT NULL,
  created_ms    INTEGER NOT NULL,
  status        TEXT NOT NULL DEFAULT 'active'
) STRICT, WITHOUT ROWID;
INSERT INTO users_new(id,email,username,organization,password_hash,role,tier,created_ms,status)
  SELECT id,email,username,organization,password_hash,role,tier,created_ms,status FROM users;
DROP TABLE users;
ALTER TABLE users_new RENAME TO users;
CREATE UNIQUE INDEX users_name ON users(username) WHERE username <> '';>>
CREATE UNIQUE INDEX users_email ON users(email) WHERE email <> '';
)sql";
}

}  // namespace troupe::sql
