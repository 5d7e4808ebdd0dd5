// Gives every attempt a thread and picks the executor for its kind.
#include "executors/executor.hpp"

#include <pthread.h>
#include <signal.h>

#include <cassert>
#include <exception>
#include <set>
#include <thread>
#include <utility>

#include "executors/attempt.hpp"
#include "executors/docker.hpp"
#include "model/log.hpp"

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
    if (callbacks_.output && request_.kind != job_kind::inference) watch_output();
    start();
  }

  /// REQUIRES: not called from one of its own callbacks.
  ~attempt() override {
    stop_.raise();
    thread_.join();
  }

  void cancel() override { stop_.raise(); }
  void preempt() override { stop_.raise(true); }

private:
  void watch_output() {
    open_ = {std::string{stdout_stream}, std::string{stderr_stream}};
    callbacks_.output = [this, tell = std::move(callbacks_.output)](auto stream, std::string bytes, bool last) {
      if (last) open_.erase(std::string{stream});
      tell(stream, std::move(bytes), last);
    };
  }

  void start() {
    thread_ = std::thread([this] {
      block_signals();
      auto report = work();
      close_output();
      if (stop_.preempts() && report.outcome == run_outcome::cancelled) report.outcome = run_outcome::preempted;
      callbacks_.done(std::move(report));
    });
  }

  /// However it ended: nobody will write more.
  void close_output() {
    for (auto& stream : std::set{open_}) callbacks_.output(stream, {}, true);
  }

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
  run_callbacks callbacks_;
  std::set<std::string> open_;  // streams; the attempt's thread's own
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
