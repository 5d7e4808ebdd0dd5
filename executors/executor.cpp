// Gives every attempt a thread and picks the executor for its kind.
#include "executors/executor.hpp"

#include <pthread.h>
#include <signal.h>

#include <cassert>
#include <exception>
#include <thread>
#include <utility>

#include "executors/attempt.hpp"
#include "executors/docker.hpp"

namespace troupe {
namespace {

run_report dispatch(const attempt_context& context, const job_params& params) {
  if (auto process = std::get_if<process_params>(&params.by_kind)) return run_process(context, *process);
  if (auto script = std::get_if<script_params>(&params.by_kind)) return run_script(context, *script);
  if (auto container = std::get_if<docker_params>(&params.by_kind)) return run_docker(context, *container);
  return run_inference(context, std::get<inference_params>(params.by_kind));
}

/// Signals are for the main thread; also, writing to a program that reads no more must not end us by SIGPIPE.
void block_signals() {
  sigset_t all;
  sigfillset(&all);
  pthread_sigmask(SIG_BLOCK, &all, nullptr);
}

class attempt : public run {
public:
  attempt(run_environment environment, run_request request, run_callbacks callbacks)
      : environment_(std::move(environment)), request_(std::move(request)), callbacks_(std::move(callbacks)) {
    assert(request_.kind != job_kind::noop);  // the agent answers them itself
    thread_ = std::thread([this] {
      block_signals();
      auto report = work();
      if (stop_.preempts() && report.outcome == run_outcome::cancelled) report.outcome = run_outcome::preempted;
      callbacks_.done(std::move(report));
    });
  }

  /// REQUIRES: not called from one of its own callbacks.
  ~attempt() override {
    stop_.raise();
    thread_.join();
  }

  void cancel() override { stop_.raise(); }
  void preempt() override { stop_.raise(true); }

private:
  run_report work() {
    try {
      return checked_work();
    } catch (const std::exception& trouble) {  // out of memory, a broken disk: another node may do better
      return node_fault_report("node_error", trouble.what());
    }
  }

  run_report checked_work() {
    auto params = read_params(request_.kind, request_.params);
    if (auto why = std::get_if<failure>(&params)) return failed_report(to_string(why->code), why->detail);
    if (stop_.fd() < 0) return node_fault_report("node_error", "no file descriptor is left");
    auto& good = std::get<job_params>(params);
    auto timeout_ms = request_.timeout_ms > 0 ? request_.timeout_ms : good.timeout_ms;
    return dispatch({environment_, request_, callbacks_, stop_, timeout_ms}, good);
  }

  const run_environment environment_;
  const run_request request_;
  const run_callbacks callbacks_;
  stop_signal stop_;
  std::thread thread_;
};

run_report bad_report(run_outcome outcome, std::string code, std::string message) {
  run_report report;
  report.outcome = outcome;
  report.error_code = std::move(code);
  report.error_message = std::move(message);
  return report;
}

}  // namespace

run_report failed_report(std::string code, std::string message) {
  return bad_report(run_outcome::failed, std::move(code), std::move(message));
}

run_report node_fault_report(std::string code, std::string message) {
  return bad_report(run_outcome::node_fault, std::move(code), std::move(message));
}

std::unique_ptr<run> start_run(const run_environment& environment, run_request request, run_callbacks callbacks) {
  return std::make_unique<attempt>(environment, std::move(request), std::move(callbacks));
}

}  // namespace troupe
