// The audit trail: who did what to whom, when, from where, and what came of it. Append-only and hash-chained.
// Apart from change.hpp, which only points here: few files need it.
#pragma once

#include <string>

#include "model/job_spec.hpp"

namespace troupe {

/// One line of the trail; the store numbers and chains it. Never holds a secret.
struct audit_entry {
  std::string actor;       // user id, "system", or empty: nobody was known
  std::string credential;  // key id or session id
  std::string action;      // "login", "key.create", "user.suspend": noun.verb
  std::string subject;     // id of what was acted on
  std::string outcome;     // "ok", or the error code
  std::string ip, request_id;
  std::string detail;  // a JSON object, or empty
};

/// As the store has it. The hash covers the one before it.
struct audit_line {
  int64_t seq = 0;
  time_ms at_ms = 0;
  audit_entry what;
  std::string hash;  // 64 hex digits
};

/// Empty: any. Times: `from_ms` <= at < `to_ms`, 0: open.
struct audit_filter {
  std::string actor, action, subject, outcome;
  time_ms from_ms = 0, to_ms = 0;
  int64_t before = 0, after = 0;  // seq; 0: open
  bool oldest_first = false;
  int32_t limit = 100;
};

}  // namespace troupe
