// Runs a script: writes it into the work folder and hands it to its interpreter.
#include "executors/program.hpp"

namespace troupe {

run_report run_script(const attempt_context& context, const script_params& params) {
  work_folder folder;
  if (auto trouble = open_folder(context, folder)) return *trouble;
  if (auto problem = folder.write_file(params.filename, params.content))
    return node_fault_report("node_error", *problem);
  auto program = params.limits;
  program.command = {params.interpreter, folder.path() + "/" + params.filename};
  program.command.insert(program.command.end(), params.args.begin(), params.args.end());
  return run_program(context, folder, program);
}

}  // namespace troupe
