// Step 5 of the schema: purchases, one active session per user, node and job, and the days before it.
#include "persistence/migrations.hpp"

namespace troupe::sql {

// What ended before days were summed, and what was bought before it was counted. The inner queries turn milliseconds
// into a date with whole numbers, for neither engine knows the other's words for it.
const char* usage_step() {
  return R"sql(
CREATE TABLE purchases(
  owner TEXT NOT NULL,
  asset INTEGER NOT NULL,
  total INTEGER NOT NULL,
  PRIMARY KEY(owner, asset)
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX rentals_active ON rentals(node_id, user_id, job_id) WHERE state = 0;

INSERT INTO purchases(owner,asset,total)
SELECT c.owner, c.asset, CAST(sum(j.amount) AS bigint) FROM journal j JOIN accounts c ON c.id = j.credit
WHERE j.code IN (1, 26) AND c.kind = 10 GROUP BY c.owner, c.asset;

INSERT INTO usage_days(user_id,day,key_id,model,kind,asset,requests,failed,tokens_in,tokens_out,ran_ms,cost)
SELECT user_id, day, key_id, model, kind, currency, count(*), CAST(sum(failed) AS bigint),
       CAST(sum(tokens_in) AS bigint), CAST(sum(tokens_out) AS bigint), CAST(sum(ran_ms) AS bigint),
       CAST(sum(cost) AS bigint)
FROM (
  SELECT user_id, key_id, model, kind, currency, failed, tokens_in, tokens_out, ran_ms, cost,
         CAST(y AS text) || '-' || CASE WHEN m < 10 THEN '0' ELSE '' END || CAST(m AS text) || '-' ||
         CASE WHEN d < 10 THEN '0' ELSE '' END || CAST(d AS text) AS day
  FROM (
    SELECT x4.*, yoe + era * 400 + CASE WHEN mp < 10 THEN 0 ELSE 1 END AS y,
           CASE WHEN mp < 10 THEN mp + 3 ELSE mp - 9 END AS m, doy - (153 * mp + 2) / 5 + 1 AS d
    FROM (
      SELECT x3.*, (5 * doy + 2) / 153 AS mp
      FROM (
        SELECT x2.*, doe - (365 * yoe + yoe / 4 - yoe / 100) AS doy
        FROM (
          SELECT x1.*, (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365 AS yoe
          FROM (
            SELECT x0.*, z / 146097 AS era, z - z / 146097 * 146097 AS doe
            FROM (
              SELECT j.user_id, j.key_id, CASE WHEN s.model <> '' THEN s.model ELSE s.gpu_type END AS model,
                     CASE s.kind WHEN 0 THEN 'process' WHEN 1 THEN 'script' WHEN 2 THEN 'inference'
                       WHEN 3 THEN 'docker' WHEN 4 THEN 'training' ELSE 'noop' END AS kind,
                     j.currency, CASE WHEN j.ended = 2 THEN 1 ELSE 0 END AS failed,
                     coalesce(r.prompt_tokens, 0) AS tokens_in, coalesce(r.completion_tokens, 0) AS tokens_out,
                     coalesce(r.ran_ms, 0) AS ran_ms, j.cost, j.finished_ms / 86400000 + 719468 AS z
              FROM jobs j JOIN job_specs s ON s.job_id = j.id
              LEFT JOIN results r ON r.job_id = j.id AND r.epoch = j.lease_epoch
              WHERE j.ended > 0
            ) x0
          ) x1
        ) x2
      ) x3
    ) x4
  ) x5
) x6
GROUP BY user_id, day, key_id, model, kind, currency;
)sql";
}

}  // namespace troupe::sql
