// One loop around poll(): input, output, end of the program, cancelling, limits.
#include "executors/supervisor.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <string>

#include "config/world.hpp"
#include "executors/usage.hpp"
#include "model/log.hpp"

namespace troupe {
namespace {

constexpr size_t block_bytes = 64 * 1024;
constexpr int drain_blocks_max = 32;  // more than a pipe can hold: what was written before the end is all there
constexpr int64_t measure_interval_ms = 25;
constexpr int64_t measure_rest_factor = 10;  // reading /proc takes a tenth of the time at most
constexpr int64_t kill_again_ms = 100;
constexpr int64_t sleep_ms_max = 10'000;
constexpr int64_t blind_sleep_ms_max = 20;  // without a pidfd
constexpr int64_t bytes_per_mb = 1024 * 1024;

int64_t milliseconds(const timeval& time) { return time.tv_sec * 1000 + time.tv_usec / 1000; }

int64_t cpu_ms(const rusage& used) { return milliseconds(used.ru_utime) + milliseconds(used.ru_stime); }

/// The peak in KiB is ours, not the program's, while it is not above what we had when it was forked.
int64_t peak_bytes(const rusage& used) {
  rusage of_us{};
  getrusage(RUSAGE_SELF, &of_us);
  return used.ru_maxrss > of_us.ru_maxrss ? used.ru_maxrss * 1024 : 0;
}

bool ended_by(int status, int signal) { return WIFSIGNALED(status) && WTERMSIG(status) == signal; }

}  // namespace

supervisor::supervisor(const attempt_context& context, const process_params& params, child& program, int64_t started_ms)
    : context_(context),
      params_(params),
      child_(program),
      started_ms_(started_ms),
      measured_(params.cpu_seconds > 0 || params.memory_mb > 0),
      input_left_(params.stdin_text),
      block_(block_bytes),
      stdout_(static_cast<size_t>(params.output_limit_bytes)),
      stderr_(static_cast<size_t>(params.output_limit_bytes)),
      out_tail_(stdout_, stdout_stream, context.callbacks.output),
      err_tail_(stderr_, stderr_stream, context.callbacks.output),
      gate_(context.callbacks.progress),
      filter_(stdout_, [this](progress_report report) { gate_.offer(std::move(report)); }) {}

run_report supervisor::run() {
  while (!child_.ended()) {
    enforce(steady_ms());
    wait_for_something(steady_ms());
  }
  auto end = child_.reap();
  run_report report;
  report.ran_ms = steady_ms() - started_ms_;
  drain(child_.out, true);
  drain(child_.err, false);
  filter_.end();
  gate_.flush();
  out_tail_.finish();
  err_tail_.finish();
  if (cause_ == cause::none) cause_ = last_judgement(end);
  describe_end(report, end);
  auto out = stdout_.text(), err = stderr_.text();
  report.stdout_text = std::move(out.text);
  report.stdout_truncated = out.cut;
  report.stderr_text = std::move(err.text);
  report.stderr_truncated = err.cut;
  return report;
}

void supervisor::enforce(int64_t now_ms) {
  auto deadline_ms = started_ms_ + context_.timeout_ms;
  if (cause_ == cause::none && context_.stop.raised()) {
    kill(-child_.id(), SIGTERM);
    auto grace_ms = context_.stop.preempts() ? params_.checkpoint_grace_ms : context_.environment.kill_grace_ms;
    end_because(cause::cancelled, std::min(now_ms + grace_ms, deadline_ms));
  }
  if (cause_ == cause::none && now_ms >= deadline_ms) end_because(cause::timeout, now_ms);
  if (cause_ == cause::none && measured_ && now_ms >= measure_at_ms_) measure(now_ms);
  if (kill_at_ms_ && now_ms >= *kill_at_ms_) {
    kill(-child_.id(), SIGKILL);
    kill_at_ms_ = now_ms + kill_again_ms;
  }
  gate_.tick(now_ms);
  out_tail_.tick(now_ms);
  err_tail_.tick(now_ms);
}

void supervisor::end_because(cause why, int64_t kill_at_ms) {
  cause_ = why;
  kill_at_ms_ = kill_at_ms;
}

void supervisor::measure(int64_t now_ms) {
  auto used = session_usage(child_.id());
  if (child_.group()) used.cpu_ms = std::max(used.cpu_ms, child_.group()->cpu_ms().value_or(0));
  if (params_.cpu_seconds > 0 && used.cpu_ms >= params_.cpu_seconds * 1000) end_because(cause::cpu_limit, now_ms);
  auto bytes_max = params_.memory_mb * bytes_per_mb;
  if (bytes_max > 0 && used.rss_bytes > bytes_max && session_fair_bytes(child_.id()) > bytes_max)
    end_because(cause::memory_limit, now_ms);
  if (bytes_max > 0 && child_.group() && child_.group()->out_of_memory()) end_because(cause::memory_limit, now_ms);
  auto took_ms = steady_ms() - now_ms;
  measure_at_ms_ = now_ms + std::max(measure_interval_ms, took_ms * measure_rest_factor);
}

int supervisor::sleep_ms(int64_t now_ms) const {
  auto until = now_ms + (child_.end_event ? sleep_ms_max : blind_sleep_ms_max);
  if (cause_ == cause::none) until = std::min(until, started_ms_ + context_.timeout_ms);
  if (cause_ == cause::none && measured_) until = std::min(until, measure_at_ms_);
  until = std::min({until, kill_at_ms_.value_or(until), gate_.due_ms().value_or(until),
                    out_tail_.due_ms().value_or(until), err_tail_.due_ms().value_or(until)});
  return static_cast<int>(std::max<int64_t>(until - now_ms, 0));
}

void supervisor::wait_for_something(int64_t now_ms) {
  auto stop = cause_ == cause::none ? context_.stop.fd() : -1;  // stays readable: looked at once
  std::array<pollfd, 5> wait{{{child_.in.get(), POLLOUT, 0},
                              {child_.out.get(), POLLIN, 0},
                              {child_.err.get(), POLLIN, 0},
                              {child_.end_event.get(), POLLIN, 0},
                              {stop, POLLIN, 0}}};
  if (poll(wait.data(), wait.size(), sleep_ms(now_ms)) <= 0) return;
  if (wait[0].revents) write_input();
  if (wait[1].revents) read_output(child_.out, true);
  if (wait[2].revents) read_output(child_.err, false);
}

/// SIGPIPE is blocked on this thread, so a program that stopped reading is an EPIPE.
void supervisor::write_input() {
  auto done = write(child_.in.get(), input_left_.data(), input_left_.size());
  if (done > 0) input_left_.remove_prefix(static_cast<size_t>(done));
  auto broken = done < 0 && errno != EAGAIN && errno != EINTR;
  if (broken || input_left_.empty()) child_.in.close();
}

/// False when there is nothing to read at present, or never again.
bool supervisor::read_output(descriptor& from, bool is_stdout) {
  auto got = read(from.get(), block_.data(), block_.size());
  if (got < 0 && (errno == EAGAIN || errno == EINTR)) return false;
  if (got <= 0) {
    from.close();
    return false;
  }
  std::string_view bytes(block_.data(), static_cast<size_t>(got));
  if (is_stdout) {
    filter_.add(bytes);
  } else {
    stderr_.add(bytes);
  }
  return true;
}

void supervisor::drain(descriptor& from, bool is_stdout) {
  for (auto blocks = 0; blocks < drain_blocks_max && from; ++blocks)
    if (!read_output(from, is_stdout)) return;
}

/// What came between two looks, or was seen by the kernel first.
supervisor::cause supervisor::last_judgement(const child_end& end) const {
  auto group = child_.group();
  auto used_ms = std::max(cpu_ms(end.used), group ? group->cpu_ms().value_or(0) : 0);
  if (params_.cpu_seconds > 0 && (ended_by(end.status, SIGXCPU) || used_ms >= params_.cpu_seconds * 1000))
    return cause::cpu_limit;
  if (params_.memory_mb > 0 && group && group->out_of_memory()) return cause::memory_limit;
  if (params_.memory_mb > 0 && peak_bytes(end.used) > params_.memory_mb * bytes_per_mb) return cause::memory_limit;
  return cause::none;
}

void supervisor::describe_end(run_report& report, const child_end& end) const {
  report.exit_code = WIFSIGNALED(end.status) ? 128 + WTERMSIG(end.status) : WEXITSTATUS(end.status);
  auto fail = [&](std::string code, std::string message) {
    report.outcome = run_outcome::failed;
    report.error_code = std::move(code);
    report.error_message = std::move(message);
  };
  auto number = [](int64_t n) { return std::to_string(n); };
  switch (cause_) {
    case cause::cancelled: report.outcome = run_outcome::cancelled; return;
    case cause::timeout: return fail("timeout", "the program ran longer than " + number(context_.timeout_ms) + " ms");
    case cause::cpu_limit:
      return fail("cpu_limit", "the program used more than " + number(params_.cpu_seconds) + " s of CPU time");
    case cause::memory_limit:
      return fail("memory_limit", "the program used more than " + number(params_.memory_mb) + " MB of memory");
    case cause::none: break;
  }
  if (WIFSIGNALED(end.status))
    return fail("exit_code", "the program was ended by signal " + number(WTERMSIG(end.status)));
  if (report.exit_code != 0) fail("exit_code", "the program ended with exit code " + number(report.exit_code));
}

}  // namespace troupe
