// One live job. INTERNAL to `jobs`: everyone else addresses a job by id.
#pragma once

#include "actors/house.hpp"
#include "actors/job_change.hpp"

namespace troupe {

job_actor spawn_job(house&, std::string id);

}  // namespace troupe
