// The schema as a list of numbered steps; a step once released never changes.
#pragma once

#include <vector>

#include "persistence/sql.hpp"

namespace troupe::sql {

struct migration {
  int number;
  const char* sql;
};
const std::vector<migration>& migrations();
const char* usage_step();
const char* device_step();
const char* node_keys_step();
const char* cluster_step();
const char* fleet_step();
const char* running_step();
const char* waiting_step();
const char* logs_step();
const char* identity_step();
const char* audit_step();
const char* limits_step();
const char* sessions_step();
const char* second_factor_step();
const char* webhooks_step();

/// The number of the newest step that was taken; 0: an empty database.
int schema_version(connection&);
/// True when steps are missing and may be taken. Throws store_unavailable when the schema is newer than we know, or
/// not there, or older, though it `must_exist`.
bool must_migrate(int have, const std::string& where, bool must_exist);
/// Takes the missing steps, each in its own transaction. REQUIRES: nobody else does so at the same time.
void migrate(connection&);

}  // namespace troupe::sql
