// Running a program in a work folder: what processes and scripts share.
#pragma once

#include "executors/attempt.hpp"
#include "executors/work_folder.hpp"

namespace troupe {

/// Runs params.command in the folder to its end and keeps its artifacts.
run_report run_program(const attempt_context&, work_folder&, const process_params&);

/// Makes the attempt's folder, or says why this node cannot.
std::optional<run_report> open_folder(const attempt_context&, work_folder&);

}  // namespace troupe
