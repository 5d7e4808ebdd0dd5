// One live job. INTERNAL to `jobs`: everyone else addresses a job by id.
#pragma once

#include "actors/house.hpp"

namespace troupe {

job_actor spawn_job(house&, std::string id);

/// The transaction of a step: row, money, attempt, result and event together.
change change_of(const job& before, const step&, const run_report&, time_ms now_ms);

/// What the dispatcher needs to know of it.
job_brief brief_of(const job&, const demand&);

}  // namespace troupe
