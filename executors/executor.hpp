// What a node can run. One call starts an attempt on threads of its own; the callbacks tell how it goes.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "model/devices.hpp"
#include "model/job_spec.hpp"

namespace troupe {

struct run_request {
  std::string job_id;
  int64_t epoch = 0;
  job_kind kind = job_kind::process;
  std::string params;                             // JSON text, see model/params.hpp
  int64_t timeout_ms = 0;                         // wall clock, counted from the start of the program
  std::shared_ptr<const std::string> checkpoint;  // what an earlier attempt left; empty: nothing
  int64_t checkpoint_bytes_max = 0;               // of what this one may leave
  std::string devices;                            // GPUs it may see, as CUDA_VISIBLE_DEVICES names them; empty: none
};

class control_groups;

/// What the machine offers to every attempt.
struct run_environment {
  std::string work_root;                      // attempts live in work_root/JOB/EPOCH
  std::map<std::string, std::string> models;  // model name -> base URL of an OpenAI-compatible server
  int64_t kill_grace_ms = 2'000;              // between SIGTERM and SIGKILL
  int64_t artifact_bytes_max = 0;             // of an attempt, all together, that are sent on; the rest stays here
  std::function<node_metrics()> sense;        // how the machine fares; may be empty

  // filled by isolate(), see isolation.hpp
  std::shared_ptr<const control_groups> groups;  // empty: none
  bool private_ipc = false;
  std::string docker_socket;             // empty: no engine answers
  std::shared_ptr<void> work_root_lock;  // as long as it is held, no other node works there
};

/// All are called from the attempt's own thread. `done` exactly once, and nothing after it.
struct run_callbacks {
  std::function<void(int32_t ppm, std::string message)> progress;  // ppm: 0 to 1'000'000, never falling
  std::function<void(run_report)> done;
  std::function<void(std::string)> checkpoint;  // once, before `done`, when a preempted attempt left one
  /// What it writes, in order (model/log.hpp); `last`: nothing of that stream follows. May be empty.
  std::function<void(std::string_view stream, std::string bytes, bool last)> output = {};
};

/// A started attempt. Thread-safe. Destroying it cancels the attempt and waits for its end.
class run {
public:
  virtual ~run() = default;
  /// Ends the attempt soon: SIGTERM to the process group, SIGKILL after the grace. `done` follows with
  /// run_outcome::cancelled, unless the attempt ended by itself first.
  virtual void cancel() = 0;
  /// Lets the attempt save what it needs to go on elsewhere: SIGTERM, and SIGKILL after the grace of its own. `done`
  /// follows with run_outcome::preempted, unless the attempt ended by itself first.
  virtual void preempt() = 0;
};

/// Starts an attempt; never throws for what the job can cause: a bad command is a report, too.
/// noop jobs are not started here, the agent answers them itself.
std::unique_ptr<run> start_run(const run_environment&, run_request, run_callbacks);

}  // namespace troupe
