// Stays with a started program until its end: feeds it, listens to it, enforces its limits, says how it ended.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "executors/attempt.hpp"
#include "executors/child.hpp"
#include "executors/output.hpp"

namespace troupe {

class supervisor {
public:
  /// `started_ms`: steady_ms() before the start, from which the time limit counts.
  supervisor(const attempt_context&, const process_params&, child&, int64_t started_ms);
  supervisor(const supervisor&) = delete;
  supervisor& operator=(const supervisor&) = delete;

  run_report run();

private:
  enum class cause { none, cancelled, timeout, cpu_limit, memory_limit };  // why we ended it

  void enforce(int64_t now_ms);
  void end_because(cause, int64_t kill_at_ms);
  void measure(int64_t now_ms);
  int sleep_ms(int64_t now_ms) const;
  void wait_for_something(int64_t now_ms);
  void write_input();
  bool read_output(descriptor&, bool is_stdout);
  void drain(descriptor&, bool is_stdout);
  cause last_judgement(const child_end&) const;
  void describe_end(run_report&, const child_end&) const;

  const attempt_context& context_;
  const process_params& params_;
  child& child_;
  const int64_t started_ms_;
  const bool measured_;  // there is a limit to watch

  std::string_view input_left_;
  std::vector<char> block_;
  capture stdout_, stderr_;
  output_tail out_tail_, err_tail_;
  progress_gate gate_;
  progress_filter filter_;

  cause cause_ = cause::none;
  std::optional<int64_t> kill_at_ms_;
  int64_t measure_at_ms_ = 0;
};

}  // namespace troupe
