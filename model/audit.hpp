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

}  // namespace troupe
