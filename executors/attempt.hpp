// What every executor is given, and the ways to say that an attempt went wrong.
#pragma once

#include <sys/eventfd.h>

#include <atomic>
#include <string>

#include "executors/descriptor.hpp"
#include "executors/executor.hpp"
#include "model/params.hpp"

namespace troupe {

/// Raised once from any thread; the attempt sees it by asking or by polling.
class stop_signal {
public:
  stop_signal() : event_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}
  void raise(bool preempts = false) {
    preempts_ = preempts_ || (preempts && !raised_);
    raised_ = true;
    eventfd_write(event_.get(), 1);
  }
  bool raised() const { return raised_; }
  bool preempts() const { return preempts_; }  // the attempt shall go on elsewhere
  int fd() const { return event_.get(); }      // readable once raised; -1 when the machine has no descriptor left

private:
  std::atomic<bool> preempts_ = false, raised_ = false;
  descriptor event_;
};

/// All of it outlives the attempt.
struct attempt_context {
  const run_environment& environment;
  const run_request& request;
  const run_callbacks& callbacks;
  const stop_signal& stop;
  int64_t timeout_ms = 0;
};

run_report run_process(const attempt_context&, const process_params&);
run_report run_script(const attempt_context&, const script_params&);
run_report run_inference(const attempt_context&, const inference_params&);

/// The job's own fault: not tried again.
run_report failed_report(std::string code, std::string message);
/// This node's fault: tried elsewhere.
run_report node_fault_report(std::string code, std::string message);

}  // namespace troupe
