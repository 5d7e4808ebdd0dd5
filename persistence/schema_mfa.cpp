// A step of the schema: second factors, clients that get tokens, logins at an OpenID Connect provider.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* second_factor_step() {
  return R"sql(
CREATE TABLE mfa_factors(
  id         TEXT PRIMARY KEY,  -- USER_ID:METHOD
  user_id    TEXT NOT NULL,
  method     TEXT NOT NULL,     -- totp | email
  secret     TEXT NOT NULL,     -- sealed with the context "mfa:ID"
  enabled_ms INTEGER NOT NULL,  -- 0: not yet shown to work
  last_step  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX mfa_factors_user ON mfa_factors(user_id, method);

CREATE TABLE mfa_codes(         -- each good once: backup codes, and the one that was sent last
  user_id   TEXT NOT NULL,
  kind      TEXT NOT NULL,      -- backup_codes | email
  code_hash TEXT NOT NULL,
  sent_ms   INTEGER NOT NULL,
  PRIMARY KEY(user_id, kind, code_hash)
) STRICT, WITHOUT ROWID;

CREATE TABLE mfa_attempts(
  user_id  TEXT PRIMARY KEY,
  wrong    INTEGER NOT NULL,
  wrong_ms INTEGER NOT NULL     -- the latest
) STRICT, WITHOUT ROWID;

CREATE TABLE oauth_clients(
  id          TEXT PRIMARY KEY,
  user_id     TEXT NOT NULL,
  name        TEXT NOT NULL,
  secret_hash TEXT NOT NULL,
  scopes      TEXT NOT NULL,
  created_ms  INTEGER NOT NULL,
  revoked_ms  INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oauth_clients_user ON oauth_clients(user_id);
ALTER TABLE sessions ADD COLUMN client_id TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN client_scopes TEXT NOT NULL DEFAULT '';
CREATE INDEX sessions_client ON sessions(client_id) WHERE client_id <> '';

CREATE TABLE oidc_logins(
  state_hash TEXT PRIMARY KEY,
  kept       TEXT NOT NULL,     -- sealed with the context "oidc:STATE_HASH"
  user_id    TEXT NOT NULL,
  expires_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX oidc_logins_expire ON oidc_logins(expires_ms);
CREATE TABLE oidc_links(
  issuer     TEXT NOT NULL,
  subject    TEXT NOT NULL,
  user_id    TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  PRIMARY KEY(issuer, subject)
) STRICT, WITHOUT ROWID;
)sql";
}

}  // namespace troupe::sql
