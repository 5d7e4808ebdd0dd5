// What its owner wants of a job that no node has: INTERNAL to `jobs`.
#pragma once

#include "actors/house.hpp"

namespace troupe {

/// Both read the job, ask the machine, commit by compare-and-set, and begin again when somebody else was quicker.
caf::result<job_changed> grant(jobs_actor::pointer, house&, const amend_job&);
caf::result<job_changed> grant(jobs_actor::pointer, house&, const redrive_job&);

}  // namespace troupe
