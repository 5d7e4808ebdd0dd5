// A step of the schema: who is suspended, what a key is good for, which session had a second factor.
#include "persistence/migrations.hpp"

namespace troupe::sql {

const char* identity_step() {
  return R"sql(
ALTER TABLE users ADD COLUMN status TEXT NOT NULL DEFAULT 'active';  -- or suspended
ALTER TABLE sessions ADD COLUMN mfa INTEGER NOT NULL DEFAULT 0;

ALTER TABLE api_keys ADD COLUMN scopes TEXT NOT NULL DEFAULT '';     -- lists with spaces between; '': all
ALTER TABLE api_keys ADD COLUMN models TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN networks TEXT NOT NULL DEFAULT '';
ALTER TABLE api_keys ADD COLUMN per_minute INTEGER NOT NULL DEFAULT 0;
ALTER TABLE api_keys ADD COLUMN must_sign INTEGER NOT NULL DEFAULT 0;
)sql";
}

}  // namespace troupe::sql
