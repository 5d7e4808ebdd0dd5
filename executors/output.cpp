// Captures output and finds the progress lines in it.
#include "executors/output.hpp"

#include <algorithm>
#include <cmath>
#include <nlohmann/json.hpp>
#include <utility>

#include "model/limits.hpp"

namespace troupe {
namespace {

constexpr std::string_view mark = "TROUPE {";
constexpr size_t message_bytes_max = 1024;
constexpr size_t line_bytes_max = 8 * 1024;  // a full message with every byte written as \u00XX, and some space

bool may_become_report(std::string_view line) {
  auto known = std::min(line.size(), mark.size());
  return line.size() <= line_bytes_max && line.substr(0, known) == mark.substr(0, known);
}

}  // namespace

void capture::add(std::string_view bytes) {
  auto room = bytes_max_ - kept_.size();
  cut_ = cut_ || bytes.size() > room;
  kept_ += bytes.substr(0, room);
}

std::optional<progress_report> read_progress(std::string_view line) {
  if (line.substr(0, mark.size()) != mark) return {};
  auto object = nlohmann::json::parse(line.substr(mark.size() - 1), nullptr, false);
  if (!object.is_object()) return {};
  auto progress = object.find("progress");
  if (progress == object.end() || !progress->is_number()) return {};
  auto part = progress->get<double>();
  if (!(part >= 0.0 && part <= 1.0)) return {};
  progress_report report{static_cast<int32_t>(std::lround(part * 1e6)), {}};
  auto message = object.find("message");
  if (message == object.end()) return report;
  if (!message->is_string()) return {};
  auto& text = message->get_ref<const std::string&>();
  if (text.size() > message_bytes_max) return {};
  report.message = clean(text, message_bytes_max).text;
  return report;
}

void progress_filter::add(std::string_view bytes) {
  while (!bytes.empty()) bytes = take_line_part(bytes);
}

std::string_view progress_filter::take_line_part(std::string_view bytes) {
  auto newline = bytes.find('\n');
  auto part = bytes.substr(0, newline);
  auto rest = newline == std::string_view::npos ? std::string_view{} : bytes.substr(newline + 1);
  auto line_ends = newline != std::string_view::npos;
  if (!ordinary_line_) {
    candidate_ += part.substr(0, line_bytes_max + 1);  // one byte too many is enough to know
    if (may_become_report(candidate_)) {
      if (line_ends) end_candidate(true);
      return rest;
    }
    auto seen = std::min(part.size(), line_bytes_max + 1);
    output_.add(std::exchange(candidate_, {}));
    part.remove_prefix(seen);
    ordinary_line_ = true;
  }
  output_.add(part);
  if (line_ends) output_.add("\n");
  ordinary_line_ = !line_ends;
  return rest;
}

void progress_filter::end_candidate(bool with_newline) {
  auto line = std::exchange(candidate_, {});
  if (auto report = read_progress(line)) return reports_(std::move(*report));
  output_.add(line);
  if (with_newline) output_.add("\n");
}

void progress_filter::end() {
  if (!candidate_.empty()) end_candidate(false);
}

void progress_gate::offer(progress_report report) {
  highest_ppm_ = std::max(highest_ppm_, report.ppm);
  report.ppm = highest_ppm_;
  waiting_ = std::move(report);
}

void progress_gate::tick(int64_t now_ms) {
  if (!waiting_ || now_ms < open_at_ms_) return;
  open_at_ms_ = now_ms + limits::progress_interval_ms;
  flush();
}

void progress_gate::flush() {
  if (auto report = std::exchange(waiting_, std::nullopt); report && callback_)
    callback_(report->ppm, std::move(report->message));
}

std::optional<int64_t> progress_gate::due_ms() const { return waiting_ ? std::optional(open_at_ms_) : std::nullopt; }

void output_tail::send(bool last) {
  auto news = from_.behind(sent_);
  sent_ += news.size();
  if (to_) to_(stream_, std::string{news}, last);
}

void output_tail::tick(int64_t now_ms) {
  auto news = from_.behind(sent_).size();
  if (news == 0 || (news < limits::log_batch_bytes && now_ms < open_at_ms_)) return;
  open_at_ms_ = now_ms + limits::log_interval_ms;
  send(false);
}

void output_tail::finish() { send(true); }

std::optional<int64_t> output_tail::due_ms() const {
  return from_.behind(sent_).empty() ? std::nullopt : std::optional{open_at_ms_};
}

}  // namespace troupe
