// What a step of the job machine means to the rest of the house, as plain data.
#pragma once

#include "model/change.hpp"
#include "persistence/store.hpp"

namespace troupe {

/// The transaction of a step: row, money, attempt, result, usage and event together.
change change_of(const job& before, const job_spec&, const step&, const run_report&, time_ms now_ms);

/// The transaction of a submit: hold, row and event; `limits` are those of whoever pays.
change submit_change(job_insert, const std::vector<spend_limit>& limits);

/// What the dispatcher needs to know of it.
job_brief brief_of(const job&, const demand&);

}  // namespace troupe
