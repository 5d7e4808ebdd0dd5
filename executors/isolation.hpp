// What keeps programs apart on this machine, and whom it can run them with: found out by trying, once at the start.
#pragma once

#include <string>
#include <vector>

#include "executors/executor.hpp"

namespace troupe {

/// Fills in what the machine allows, says it in the log, and ends what an earlier life of this node left running.
void isolate(run_environment&);

/// What jobs can ask for because of it: `docker=yes` where an engine answers.
std::vector<label> found_labels(const run_environment&);

/// The same for people, a line each; touches nothing that runs.
std::vector<std::string> isolation_words();

}  // namespace troupe
