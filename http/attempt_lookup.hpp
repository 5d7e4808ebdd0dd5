// Which attempt of a job somebody asks for, and whether they may: shared by the routes of logs and artifacts.
#pragma once

#include "http/routes.hpp"
#include "model/log.hpp"

namespace troupe {

struct attempt_query {
  std::string job_id;
  std::string owner;   // empty: an admin, who may see all
  int64_t number = 0;  // as people count: the first that a node took is 1; 0: the newest
};

struct attempt_found {
  bool visible = false;  // there is such a job, and it may be seen
  log_owner job;
  std::vector<attempt_seen> all;
  int64_t number = 0;               // 0: there is none, or not yet
  attempt_seen it;                  // of that number
  std::vector<log_stream> streams;  // of that attempt
};

/// On a reader's thread.
attempt_found find_attempt(store_reader&, const attempt_query&);

/// Reads ?attempt= and {id}; refuses the call and returns nothing when it is wrong.
std::optional<attempt_query> read_attempt_query(const call_ptr&);

failure unknown_job();
/// One that the job does not have (yet).
failure unknown_attempt();

}  // namespace troupe
