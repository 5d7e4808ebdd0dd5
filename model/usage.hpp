// What a finished piece of work adds to its day.
#pragma once

#include "model/change.hpp"

namespace troupe {

/// REQUIRES: the job has ended. `report`: its result, or null when none counted.
usage_add usage_of(const job&, const job_spec&, const run_report*);
/// REQUIRES: the session has ended.
usage_add usage_of(const rental&);

}  // namespace troupe
