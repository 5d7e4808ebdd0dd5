// What a program writes: kept up to a limit, with the progress reports taken out of it.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "executors/clean_text.hpp"

namespace troupe {

/// Keeps the first bytes of a stream and forgets the rest.
class capture {
public:
  explicit capture(size_t bytes_max) : bytes_max_(bytes_max) {}
  void add(std::string_view bytes);
  /// What was kept behind the first `at` bytes.
  std::string_view behind(size_t at) const { return std::string_view{kept_}.substr(at); }
  clean_text text() const { return clean(kept_, bytes_max_, cut_); }

private:
  size_t bytes_max_;
  std::string kept_;
  bool cut_ = false;
};

/// Sends on what a capture keeps, in batches: at most one in 100 ms, unless there is much.
class output_tail {
public:
  using sink = std::function<void(std::string_view stream, std::string bytes, bool last)>;
  output_tail(const capture& from, std::string_view stream, const sink& to) : from_(from), stream_(stream), to_(to) {}
  void tick(int64_t now_ms);
  /// All that is left; nothing follows.
  void finish();
  std::optional<int64_t> due_ms() const;

private:
  void send(bool last);

  const capture& from_;
  std::string_view stream_;
  const sink& to_;
  size_t sent_ = 0;
  int64_t open_at_ms_ = 0;
};

struct progress_report {
  int32_t ppm = 0;
  std::string message;
};

/// Reads a line `TROUPE {"progress":0.42,"message":"..."}` (without its newline); nothing when it is not one.
std::optional<progress_report> read_progress(std::string_view line);

/// Splits a stream into ordinary output and progress reports, however it is cut into pieces.
class progress_filter {
public:
  using sink = std::function<void(progress_report)>;
  progress_filter(capture& output, sink reports) : output_(output), reports_(std::move(reports)) {}
  void add(std::string_view bytes);
  /// The stream is over: a last line may lack its newline.
  void end();

private:
  std::string_view take_line_part(std::string_view bytes);
  void end_candidate(bool with_newline);

  capture& output_;
  sink reports_;
  std::string candidate_;       // the present line, as long as it may be a report
  bool ordinary_line_ = false;  // the present line is none
};

/// Lets one report through per interval; keeps the last one back until its time comes. Never falls.
class progress_gate {
public:
  explicit progress_gate(std::function<void(int32_t, std::string)> callback) : callback_(std::move(callback)) {}
  void offer(progress_report);
  /// Lets through what is due.
  void tick(int64_t now_ms);
  /// Lets through what is left.
  void flush();
  /// When tick() has something to do; nothing while nothing waits.
  std::optional<int64_t> due_ms() const;

private:
  std::function<void(int32_t, std::string)> callback_;
  std::optional<progress_report> waiting_;
  int32_t highest_ppm_ = 0;
  int64_t open_at_ms_ = 0;
};

}  // namespace troupe
