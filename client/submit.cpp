// troupe submit: sends one job, once, also when the connection breaks between the request and the answer.
#include <algorithm>
#include <ostream>

#include "client/api.hpp"
#include "client/command.hpp"
#include "client/job_body.hpp"
#include "client/views.hpp"
#include "config/world.hpp"
#include "model/limits.hpp"

namespace troupe::client {
namespace {

constexpr auto examples =
    "Examples:\n"
    "  troupe submit --watch -- echo hello\n"
    "  troupe submit --file train.sh --gpu-type nvidia-geforce-rtx-4090 --timeout 600\n"
    "  troupe submit --type inference --params '{\"model\":\"m\",\"prompt\":\"Hi\",\"max_tokens\":50}'\n"
    "  troupe submit -f job.json --label team=blue\n";

struct submit_flags {
  job_flags job;
  std::string key;
  bool watch = false;
};

void add_what(CLI::App& app, job_flags& f) {
  auto group = "What to run";
  app.add_option("--type", f.type, "process, script, inference, docker, training or noop")->group(group);
  app.add_option("--command", f.command, "Program and arguments; those with dashes go after --")
      ->type_name("CMD ARGS...")
      ->group(group);
  app.add_option("--file", f.script_file, "Script to run (\"-\": standard input)")->type_name("FILE")->group(group);
  app.add_option("--interpreter", f.interpreter, "Runs the script, such as sh or python3")
      ->type_name("PROGRAM")
      ->group(group);
  app.add_option("--params", f.params, "The job's params; flags are put on top")->type_name("JSON")->group(group);
  app.add_option("-f,--body", f.body_file, "The whole request from a file (\"-\": standard input)")
      ->type_name("FILE")
      ->group(group);
  app.add_option("--name", f.name, "A name to know it by (default: what is run)")->group(group);
  app.add_option("--tag", f.tags, "May be given more than once")->allow_extra_args(false)->group(group);
}

void add_needs(CLI::App& app, job_flags& f) {
  auto group = "Where it may run";
  app.add_option("--gpu-type", f.gpu_type, "GPU model, such as nvidia-tesla-a100")->group(group);
  app.add_option("--gpu-count", f.gpu_count, "How many GPUs")
      ->check(CLI::Range(0, limits::gpu_count_max))
      ->type_name("N")
      ->group(group);
  app.add_option("--vram-mb", f.vram_mb, "Memory of each GPU, at least")
      ->check(CLI::NonNegativeNumber)
      ->type_name("MB")
      ->group(group);
  app.add_option("--region", f.region, "Only nodes of this region")->group(group);
  app.add_option("--label", f.labels, "Only nodes with this label; may be given more than once")
      ->allow_extra_args(false)
      ->type_name("KEY=VALUE")
      ->group(group);
  app.add_option("--max-price", f.max_price, "Only nodes that cost at most this much per hour")
      ->type_name("AMOUNT")
      ->group(group);
}

void add_how(CLI::App& app, submit_flags& f) {
  auto group = "How it is run";
  app.add_option("--timeout", f.job.timeout_seconds, "End it after so long; the money for it is held")
      ->check(CLI::PositiveNumber)
      ->type_name("SECONDS")
      ->group(group);
  app.add_option("--max-attempts", f.job.max_attempts, "Starts before giving up when nodes fail")
      ->check(CLI::Range(1, limits::attempts_max))
      ->type_name("N")
      ->group(group);
  app.add_option("--priority", f.job.priority, "0 to 9, higher is sooner")
      ->check(CLI::Range(0, limits::priority_max))
      ->type_name("N")
      ->group(group);
  app.add_option("--key", f.key, "Idempotency key: the same key never runs twice")->type_name("TEXT")->group(group);
  app.add_flag("--watch", f.watch, "Follow the job to its end")->group(group);
}

/// The command after "--" is taken off first, so that no flag of it is mistaken for one of ours.
arguments split_command(arguments args, std::vector<std::string>& command) {
  auto dashes = std::find(args.begin(), args.end(), "--");
  if (dashes == args.end()) return args;
  command.insert(command.end(), dashes + 1, args.end());
  args.erase(dashes, args.end());
  return args;
}

std::string body_text(const job_flags& flags) {
  try {
    return job_body(flags).dump();
  } catch (const json::type_error&) {
    throw bad_usage("the script or the command is not UTF-8 text");
  }
}

/// The key makes a second request harmless, so one is sent when the first may or may not have arrived.
json_answer send_once(const server& to, const request& what) {
  try {
    return call(to, what);
  } catch (const away& lost) {
    if (!lost.sent) throw;
  }
  try {
    return call(to, what);
  } catch (const away& lost) {
    throw trouble(std::string(lost.what()) + "; the job may have been accepted, repeat it safely with --key " +
                  what.idempotency_key);
  }
}

}  // namespace

int submit(world& w, const arguments& args) {
  submit_flags f;
  command cmd(w, "troupe submit", "Submits a job and prints its id and the money held for it.", examples);
  add_what(cmd.app, f.job);
  add_needs(cmd.app, f.job);
  add_how(cmd.app, f);
  std::vector<std::string> after_dashes;
  if (!cmd.parse(split_command(args, after_dashes), w.io)) return 0;
  f.job.command.insert(f.job.command.end(), after_dashes.begin(), after_dashes.end());
  if (!is_token(f.key) || f.key.size() > limits::idempotency_key_bytes_max)
    throw bad_usage("--key wants up to 256 visible ASCII characters");
  if (f.key.empty()) f.key = new_id("key");
  auto to = cmd.to();
  auto got = send_once(to, {"POST", "/api/v1/jobs", body_text(f.job), f.key});
  if (cmd.json)
    print_raw(w.io, got.text);
  else
    w.io.out << submitted_text(got.value) << std::flush;
  if (!f.watch) return 0;
  auto id = first_text(got.value, {"job_id", "id"});
  if (id.empty()) throw trouble(to.url() + " accepted the job but did not name it");
  return watch_job(w, to, id, cmd.json);
}

}  // namespace troupe::client
