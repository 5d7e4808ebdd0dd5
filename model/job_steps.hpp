// INTERNAL to the job machine: how a step is made, and the inputs that only reach a job that waits, or is over.
#pragma once

#include "model/job.hpp"

namespace troupe::steps {

step refuse(errc why);
step go(const job&, job_state to);
/// Every way out of life: the hold is resolved here and nowhere else.
step end(const job&, job_state to, std::string_view event, settlement paid, time_ms now);
step end_with_error(const job&, job_state to, std::string code, std::string message, settlement paid, time_ms now);

/// Nobody may begin with it any more.
inline bool is_late(const job& j, time_ms now) { return j.expires_ms > 0 && now >= j.expires_ms; }

step on_waiting(const job&, const job_input::expire&, time_ms now);
step on_waiting(const job&, const job_input::parents_done&, time_ms now);
step on_waiting(const job&, const job_input::parent_failed&, time_ms now);
step on_waiting(const job&, const job_input::amend&, time_ms now);
step on_waiting(const job&, const job_input::redrive&, time_ms now);

}  // namespace troupe::steps
