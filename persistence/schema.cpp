// The schema, in SQLite's words; PostgreSQL's are made of them. CHECKs stand behind the conditional updates: a bug in
// this program must not make money.
#include "persistence/migrations.hpp"

namespace troupe::sql {

namespace {

// Amounts are counts of 10^-9. Kinds, codes, assets, states and outcomes are the numbers of the enums in model/.
constexpr const char* money = R"sql(
CREATE TABLE accounts(
  id      INTEGER PRIMARY KEY,
  owner   TEXT NOT NULL,
  kind    INTEGER NOT NULL,
  asset   INTEGER NOT NULL,
  balance INTEGER NOT NULL,
  held    INTEGER NOT NULL,
  entries INTEGER NOT NULL,  -- journal rows, so that counting an owner's rows costs nothing
  newest  INTEGER NOT NULL,  -- the last of them
  UNIQUE(owner, kind, asset),
  CHECK (held >= 0 AND (kind = 70 OR balance >= held))
) STRICT;

CREATE TABLE holds(
  id       TEXT PRIMARY KEY,
  job_id   TEXT NOT NULL,
  account  INTEGER NOT NULL,
  amount   INTEGER NOT NULL,
  captured INTEGER NOT NULL,
  released INTEGER NOT NULL,
  state    INTEGER NOT NULL,  -- 1 open, 2 settled
  CHECK (captured >= 0 AND released >= 0 AND captured + released <= amount),
  CHECK (state = 1 OR (state = 2 AND captured + released = amount))
) STRICT, WITHOUT ROWID;

-- hold and release: debit = credit, for only `held` changes. debit_before and credit_before lead to the row before
-- of that account, which makes a history without an index: with many users, each index page written is a random one.
CREATE TABLE journal(
  seq     INTEGER PRIMARY KEY,
  id      TEXT NOT NULL UNIQUE,
  kind    INTEGER NOT NULL,  -- 1 post, 2 hold, 3 capture, 4 release
  code    INTEGER NOT NULL,
  debit   INTEGER NOT NULL,
  credit  INTEGER NOT NULL,
  debit_before  INTEGER NOT NULL,
  credit_before INTEGER NOT NULL,
  amount  INTEGER NOT NULL CHECK (amount > 0),
  asset   INTEGER NOT NULL,
  hold_id TEXT NOT NULL,
  job_id  TEXT NOT NULL,
  note    TEXT NOT NULL,
  at_ms   INTEGER NOT NULL,
  hash    BLOB NOT NULL
) STRICT;
<<pg:CREATE INDEX journal_debit ON journal(debit, seq); CREATE INDEX journal_credit ON journal(credit, seq);>>
<<pg:ALTER TABLE accounts SET (fillfactor=50);>>

CREATE TABLE idempotency(
  scope        TEXT NOT NULL,
  key          TEXT NOT NULL,
  request_hash TEXT NOT NULL,
  status       INTEGER NOT NULL,
  body         TEXT NOT NULL,
  at_ms        INTEGER NOT NULL,
  PRIMARY KEY(scope, key)
) STRICT, WITHOUT ROWID;
)sql";

// `ended` is 0 while the job lives, else 1 completed, 2 failed, 3 cancelled. It is written at the start and at the
// end only, so that the moves between touch no index. Most jobs complete, so those are found by their user alone.
constexpr const char* work = R"sql(
CREATE TABLE jobs(
  id            TEXT PRIMARY KEY,
  user_id       TEXT NOT NULL,
  state         INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  lease_epoch   INTEGER NOT NULL CHECK (lease_epoch >= 0),
  attempts      INTEGER NOT NULL,
  deliveries    INTEGER NOT NULL,
  max_attempts  INTEGER NOT NULL,
  priority      INTEGER NOT NULL,
  currency      INTEGER NOT NULL,
  pricing       INTEGER NOT NULL,
  price_in      INTEGER NOT NULL,
  price_out     INTEGER NOT NULL,
  min_tokens    INTEGER NOT NULL,
  fee_bps       INTEGER NOT NULL,
  hold_id       TEXT NOT NULL,
  hold          INTEGER NOT NULL,
  cost          INTEGER NOT NULL,
  timeout_ms    INTEGER NOT NULL,
  node_id       TEXT NOT NULL,
  node_session  INTEGER NOT NULL,
  provider_user TEXT NOT NULL,
  node_rate     INTEGER NOT NULL,
  created_ms    INTEGER NOT NULL,
  run_at_ms     INTEGER NOT NULL,
  leased_ms     INTEGER NOT NULL,
  started_ms    INTEGER NOT NULL,
  finished_ms   INTEGER NOT NULL,
  progress_ppm  INTEGER NOT NULL,
  error_code    TEXT NOT NULL,
  error_message TEXT NOT NULL,
  ended         INTEGER NOT NULL,
  CHECK (cost >= 0 AND cost <= hold),
  CHECK ((state >= 8) = (ended > 0))
) STRICT, WITHOUT ROWID;
CREATE INDEX jobs_user ON jobs(user_id, id);
CREATE INDEX jobs_live ON jobs(id, user_id) WHERE ended = 0;
CREATE INDEX jobs_ended ON jobs(user_id, ended, id) WHERE ended > 1;

CREATE TABLE job_specs(
  job_id      TEXT PRIMARY KEY,
  kind        INTEGER NOT NULL,
  name        TEXT NOT NULL,
  description TEXT NOT NULL,
  params      TEXT NOT NULL,
  gpu_type    TEXT NOT NULL,
  gpu_count   INTEGER NOT NULL,
  vram_mb     INTEGER NOT NULL,
  region      TEXT NOT NULL,
  model       TEXT NOT NULL,
  labels      TEXT NOT NULL,
  rate_max    INTEGER NOT NULL,
  tags        TEXT NOT NULL,
  limit_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE attempts(
  job_id   TEXT NOT NULL,
  epoch    INTEGER NOT NULL,
  node_id  TEXT NOT NULL,
  rate     INTEGER NOT NULL,
  outcome  INTEGER NOT NULL,
  ran_ms   INTEGER NOT NULL,
  began_ms INTEGER NOT NULL,
  ended_ms INTEGER NOT NULL,
  PRIMARY KEY(job_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE results(
  job_id            TEXT NOT NULL,
  epoch             INTEGER NOT NULL,
  outcome           INTEGER NOT NULL,
  ran_ms            INTEGER NOT NULL,
  exit_code         INTEGER NOT NULL,
  stdout_text       TEXT NOT NULL,
  stderr_text       TEXT NOT NULL,
  stdout_truncated  INTEGER NOT NULL,
  stderr_truncated  INTEGER NOT NULL,
  text              TEXT NOT NULL,
  finish_reason     TEXT NOT NULL,
  prompt_tokens     INTEGER NOT NULL,
  completion_tokens INTEGER NOT NULL,
  artifacts         TEXT NOT NULL,
  error_code        TEXT NOT NULL,
  error_message     TEXT NOT NULL,
  PRIMARY KEY(job_id, epoch)
) STRICT, WITHOUT ROWID;

CREATE TABLE events(
  seq          INTEGER PRIMARY KEY,
  user_id      TEXT NOT NULL,
  job_id       TEXT NOT NULL,
  kind         TEXT NOT NULL,
  terminal     INTEGER NOT NULL,
  attempt      INTEGER NOT NULL,
  node_id      TEXT NOT NULL,
  progress_ppm INTEGER NOT NULL,
  message      TEXT NOT NULL,
  error_code   TEXT NOT NULL,
  value        INTEGER NOT NULL,
  currency     INTEGER NOT NULL,
  at_ms        INTEGER NOT NULL,
  user_before  INTEGER NOT NULL  -- the event before this one of the same user
) STRICT;
CREATE TABLE event_ends(
  user_id TEXT PRIMARY KEY,
  newest  INTEGER NOT NULL,
  count   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE TABLE event_marks(  -- one event of many
  user_id TEXT NOT NULL,
  seq     INTEGER NOT NULL,
  PRIMARY KEY(user_id, seq)
) STRICT, WITHOUT ROWID;
CREATE INDEX events_job ON events(job_id) WHERE job_id <> '';
<<pg:CREATE INDEX events_user ON events(user_id, seq);>>
<<pg:ALTER TABLE jobs SET (fillfactor=60); ALTER TABLE attempts SET (fillfactor=60);>>
)sql";

constexpr const char* people = R"sql(
CREATE TABLE users(
  id            TEXT PRIMARY KEY,
  email         TEXT NOT NULL UNIQUE,
  username      TEXT NOT NULL,
  organization  TEXT NOT NULL,
  password_hash TEXT NOT NULL,
  role          TEXT NOT NULL,
  tier          TEXT NOT NULL,
  created_ms    INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX users_name ON users(username) WHERE username <> '';

CREATE TABLE api_keys(
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  key_hash   TEXT NOT NULL UNIQUE,
  prefix     TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sessions(
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  revoked_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE node_keys(
  key_hash   TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  name       TEXT NOT NULL,
  created_ms INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE nodes(
  id             TEXT PRIMARY KEY,
  name           TEXT NOT NULL,
  user_id        TEXT NOT NULL,
  region         TEXT NOT NULL,
  state          TEXT NOT NULL,
  session_epoch  INTEGER NOT NULL CHECK (session_epoch > 0),
  instance       TEXT NOT NULL,
  lease_until_ms INTEGER NOT NULL,
  slots          INTEGER NOT NULL,
  rate           INTEGER NOT NULL,
  gpus           TEXT NOT NULL,
  labels         TEXT NOT NULL,
  models         TEXT NOT NULL,
  registered_ms  INTEGER NOT NULL,
  seen_ms        INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
)sql";

// Holds grow and are captured step by step; what is spent is counted where it is limited; days add up.
constexpr const char* books = R"sql(
ALTER TABLE jobs ADD COLUMN price_cached  INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN fee_inclusive INTEGER NOT NULL DEFAULT 0;
ALTER TABLE jobs ADD COLUMN key_id        TEXT NOT NULL DEFAULT '';
ALTER TABLE results ADD COLUMN cached_tokens INTEGER NOT NULL DEFAULT 0;
ALTER TABLE holds ADD COLUMN steps  INTEGER NOT NULL DEFAULT 0;  -- extensions and partial captures
ALTER TABLE holds ADD COLUMN guards TEXT NOT NULL DEFAULT '';    -- (scope, period) of the ceilings it counts in

CREATE TABLE spending(
  scope     TEXT NOT NULL,
  period    TEXT NOT NULL,
  asset     INTEGER NOT NULL,
  committed INTEGER NOT NULL CHECK (committed >= 0),  -- spent, and held for work under way
  PRIMARY KEY(scope, period, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE spend_limits(
  scope    TEXT NOT NULL,
  period   TEXT NOT NULL,
  asset    INTEGER NOT NULL,
  ceiling  INTEGER NOT NULL CHECK (ceiling > 0),
  PRIMARY KEY(scope, period, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE maturing(
  owner  TEXT NOT NULL,
  asset  INTEGER NOT NULL,
  due_s  INTEGER NOT NULL,
  amount INTEGER NOT NULL CHECK (amount > 0),
  PRIMARY KEY(owner, asset, due_s)
) STRICT, WITHOUT ROWID;
CREATE INDEX maturing_due ON maturing(due_s);

CREATE TABLE usage_days(
  user_id    TEXT NOT NULL,
  day        TEXT NOT NULL,
  key_id     TEXT NOT NULL,
  model      TEXT NOT NULL,
  kind       TEXT NOT NULL,
  asset      INTEGER NOT NULL,
  requests   INTEGER NOT NULL,
  failed     INTEGER NOT NULL,
  tokens_in  INTEGER NOT NULL,
  tokens_out INTEGER NOT NULL,
  ran_ms     INTEGER NOT NULL,
  cost       INTEGER NOT NULL,
  PRIMARY KEY(user_id, day, key_id, model, kind, asset)
) STRICT, WITHOUT ROWID;

CREATE TABLE wallets(
  owner          TEXT PRIMARY KEY,
  wallet_type    TEXT NOT NULL,
  solana_address TEXT NOT NULL,
  created_ms     INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX wallets_address ON wallets(solana_address) WHERE solana_address <> '';

CREATE TABLE withdrawals(
  id         TEXT PRIMARY KEY,
  user_id    TEXT NOT NULL,
  hold_id    TEXT NOT NULL,
  to_address TEXT NOT NULL,
  source     INTEGER NOT NULL,
  asset      INTEGER NOT NULL,
  amount     INTEGER NOT NULL CHECK (amount > 0),
  fee        INTEGER NOT NULL CHECK (fee >= 0),
  state      INTEGER NOT NULL,
  created_ms INTEGER NOT NULL,
  expires_ms INTEGER NOT NULL,
  changed_ms INTEGER NOT NULL,
  note       TEXT NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX withdrawals_user ON withdrawals(user_id, created_ms);
CREATE INDEX withdrawals_open ON withdrawals(expires_ms) WHERE state = 0;

CREATE TABLE rentals(
  id            TEXT PRIMARY KEY,
  user_id       TEXT NOT NULL,
  provider_user TEXT NOT NULL,
  node_id       TEXT NOT NULL,
  key_id        TEXT NOT NULL,
  job_id        TEXT NOT NULL,
  gpu_model     TEXT NOT NULL,
  state         INTEGER NOT NULL,
  version       INTEGER NOT NULL,
  asset         INTEGER NOT NULL,
  vram_mb       INTEGER NOT NULL,
  total_vram_mb INTEGER NOT NULL,
  power_w       INTEGER NOT NULL,
  base_rate     INTEGER NOT NULL,
  vram_rate     INTEGER NOT NULL,
  power_rate    INTEGER NOT NULL,
  rate          INTEGER NOT NULL,
  fee_bps       INTEGER NOT NULL,
  fee_inclusive INTEGER NOT NULL,
  hold_id       TEXT NOT NULL,
  hold          INTEGER NOT NULL,
  charged       INTEGER NOT NULL,
  fee           INTEGER NOT NULL,
  steps         INTEGER NOT NULL,
  max_ms        INTEGER NOT NULL,
  started_ms    INTEGER NOT NULL,
  billed_ms     INTEGER NOT NULL,
  ended_ms      INTEGER NOT NULL,
  due_ms        INTEGER NOT NULL,
  gpu_percent   INTEGER NOT NULL,
  vram_percent  INTEGER NOT NULL,
  power_draw_w  INTEGER NOT NULL,
  temperature_c INTEGER NOT NULL,
  reported_ms   INTEGER NOT NULL,
  end_reason    TEXT NOT NULL,
  CHECK (charged >= 0 AND charged <= hold)
) STRICT, WITHOUT ROWID;
CREATE INDEX rentals_user ON rentals(user_id, id);
CREATE INDEX rentals_provider ON rentals(provider_user, id);
CREATE INDEX rentals_due ON rentals(due_ms) WHERE state = 0;
)sql";

}  // namespace

const std::vector<migration>& migrations() {
  static const std::vector<migration> list{{1, money},
                                           {2, work},
                                           {3, people},
                                           {4, books},
                                           {5, usage_step()},
                                           {6, device_step()},
                                           {7, node_keys_step()},
                                           {8, cluster_step()},
                                           {9, fleet_step()},
                                           {10, running_step()},
                                           {11, waiting_step()},
                                           {12, logs_step()},
                                           {13, identity_step()},
                                           {14, sessions_step()},
                                           {15, second_factor_step()},
                                           {16, limits_step()},
                                           {17, audit_step()},
                                           {18, webhooks_step()}};
  return list;
}

}  // namespace troupe::sql
