// Runs a command: environment and folder, start, supervision, artifacts.
#include <string>

#include "config/config.hpp"
#include "config/world.hpp"
#include "executors/checkpoint.hpp"
#include "executors/child.hpp"
#include "executors/clean_text.hpp"
#include "executors/program.hpp"
#include "executors/supervisor.hpp"
#include "model/limits.hpp"
#include "model/log.hpp"

namespace troupe {
namespace {

constexpr auto usual_path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
constexpr int missing_program_exit = 127;  // as shells say it
constexpr size_t message_bytes_max = 1024;

/// Of the server's environment only the PATH, which says where this node's programs are.
std::map<std::string, std::string> environment_for(const attempt_context& context, const work_folder& folder,
                                                   const process_params& params) {
  auto of_node = process_environment();
  auto path = of_node.find("PATH");
  std::map<std::string, std::string> all{{"PATH", path == of_node.end() ? usual_path : path->second},
                                         {"HOME", folder.path()},
                                         {"TMPDIR", folder.temporary()},
                                         {"LANG", "C.UTF-8"}};
  for (auto& [name, value] : params.env) all[name] = value;
  all["TROUPE_JOB_ID"] = context.request.job_id;
  all["TROUPE_ATTEMPT"] = std::to_string(context.request.epoch);
  all["TROUPE_ARTIFACTS"] = folder.artifacts();
  all["TROUPE_CHECKPOINT_DIR"] = folder.checkpoint();
  all["CUDA_VISIBLE_DEVICES"] = all["NVIDIA_VISIBLE_DEVICES"] = context.request.devices;  // not for the job to say
  return all;
}

void hand_over(const attempt_context& context, const work_folder& folder, run_report& report) {
  auto packed = pack_folder(folder.checkpoint(), context.request.checkpoint_bytes_max);
  if (auto* why = std::get_if<failure>(&packed))
    report.error_message = "without a checkpoint: " + why->detail;
  else if (auto& bytes = std::get<std::string>(packed); !bytes.empty())
    context.callbacks.checkpoint(std::move(bytes));
}

run_report explain(const launch_error& error) {
  auto text = clean(error.text, message_bytes_max).text;
  if (!error.program_missing) return node_fault_report("node_error", text);
  auto report = failed_report("not_found", text);
  report.exit_code = missing_program_exit;
  return report;
}

/// In the order of the list, as long as they fit; one that does not fit stays here.
void send_artifacts(const attempt_context& context, const work_folder& folder, const std::vector<artifact>& all) {
  auto left = context.environment.artifact_bytes_max;
  for (auto& x : all) {
    auto content = context.callbacks.output && x.bytes <= left ? folder.read(x) : std::nullopt;
    if (!content) continue;
    left -= x.bytes;
    auto stream = std::string{file_stream} + x.name;
    for (std::string_view rest = *content;;) {
      auto part = rest.substr(0, limits::log_piece_bytes_max);
      rest.remove_prefix(part.size());
      context.callbacks.output(stream, std::string{part}, rest.empty());
      if (rest.empty()) break;
    }
  }
}

}  // namespace

run_report run_program(const attempt_context& context, work_folder& folder, const process_params& params) {
  launch what{params.command, environment_for(context, folder, params), folder.path(), !params.stdin_text.empty(),
              params.cpu_seconds};
  if (context.request.checkpoint)
    if (auto problem = unpack_folder(folder.checkpoint(), *context.request.checkpoint))
      return node_fault_report("node_error", *problem);
  std::unique_ptr<control_group> group;
  if (auto& groups = context.environment.groups) {
    group = groups->make(context.request.job_id + "-" + std::to_string(context.request.epoch), params.memory_mb);
    if (!group) return node_fault_report("node_error", "cannot make a control group");
    what.group = group.get();
  }
  what.private_ipc = context.environment.private_ipc;
  child program;
  auto started_ms = steady_ms();
  if (auto error = program.start(what)) return explain(*error);
  auto report = supervisor(context, params, program, started_ms).run();
  auto preempted = context.stop.preempts() && report.outcome == run_outcome::cancelled;
  if (preempted)  // its next attempt leaves the artifacts
    hand_over(context, folder, report);
  else
    report.artifacts = folder.keep_artifacts();
  send_artifacts(context, folder, report.artifacts);
  return report;
}

std::optional<run_report> open_folder(const attempt_context& context, work_folder& folder) {
  auto problem = folder.open(context.environment.work_root, context.request.job_id, context.request.epoch);
  if (!problem) return {};
  return node_fault_report("node_error", *problem);
}

run_report run_process(const attempt_context& context, const process_params& params) {
  work_folder folder;
  if (auto trouble = open_folder(context, folder)) return *trouble;
  return run_program(context, folder, params);
}

}  // namespace troupe
