// One short run of a program of the driver's, which may be broken in any way.
#include "executors/nvidia.hpp"

#include <poll.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <charconv>
#include <system_error>

#include "config/config.hpp"
#include "config/text.hpp"
#include "config/world.hpp"
#include "executors/child.hpp"

namespace troupe {

namespace {

constexpr const char* query =
    "--query-gpu=index,uuid,name,memory.total,driver_version,power.limit,utilization.gpu,memory.used,power.draw,"
    "temperature.gpu";
constexpr size_t fields_wanted = 10;
constexpr size_t output_bytes_max = 256 * 1024;
constexpr int64_t vram_mb_max = 16 * 1024 * 1024;
constexpr int look_again_ms = 50;

std::string_view trimmed(std::string_view s) {
  while (!s.empty() && (s.front() == ' ' || s.front() == '\t')) s.remove_prefix(1);
  while (!s.empty() && (s.back() == ' ' || s.back() == '\t' || s.back() == '\r')) s.remove_suffix(1);
  return s;
}

/// The whole part of a number; -1 when it is none, or out of bounds.
int64_t whole(std::string_view text, int64_t most) {
  int64_t value = -1;
  auto digits = text.substr(0, text.find('.'));
  auto [end, bad] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (bad != std::errc{} || end != digits.data() + digits.size() || value < 0 || value > most) return -1;
  return value;
}

std::optional<gpu_reading> parse_line(std::string_view line) {
  std::vector<std::string_view> fields;
  for (auto field : split(line, ',')) fields.push_back(trimmed(field));
  if (fields.size() != fields_wanted) return std::nullopt;
  gpu_reading x;
  x.device.index = static_cast<int32_t>(whole(fields[0], 4096));
  if (fields[1].starts_with("GPU-")) x.device.uuid = fields[1];
  x.device.model = fields[2];
  x.device.vram_mb = whole(fields[3], vram_mb_max);
  x.device.driver = fields[4];
  x.device.power_w = static_cast<int32_t>(whole(fields[5], 100'000));
  x.now.utilization_percent = static_cast<int32_t>(whole(fields[6], 100));
  x.now.memory_used_mb = whole(fields[7], vram_mb_max);
  x.now.power_w = static_cast<int32_t>(whole(fields[8], 100'000));
  x.now.temperature_c = static_cast<int32_t>(whole(fields[9], 1'000));
  if (x.device.index < 0 || x.device.model.empty() || x.device.vram_mb < 1) return std::nullopt;
  return x;
}

/// False when the other end is closed or too much was said.
bool read_more(const descriptor& from, std::string& text) {
  std::array<char, 4096> part;
  auto got = read(from.get(), part.data(), part.size());
  if (got > 0) text.append(part.data(), static_cast<size_t>(got));
  return text.size() <= output_bytes_max && (got > 0 || (got < 0 && (errno == EAGAIN || errno == EINTR)));
}

}  // namespace

std::vector<gpu_reading> parse_nvidia_smi(std::string_view csv) {
  std::vector<gpu_reading> all;
  for (auto line : split(csv, '\n'))
    if (auto x = parse_line(trimmed(line))) all.push_back(std::move(*x));
  return all;
}

std::optional<std::vector<gpu_reading>> ask_nvidia_smi(int64_t limit_ms, const std::atomic<bool>& stop) {
  auto environment = process_environment();
  launch what{{"nvidia-smi", query, "--format=csv,noheader,nounits"}, {{"LC_ALL", "C"}}, "/", false, 0};
  if (auto path = environment.find("PATH"); path != environment.end()) what.environment.insert(*path);
  std::string text;
  child program;
  try {
    if (program.start(what)) return std::nullopt;
  } catch (const std::system_error&) {  // no pipe to be had
    return std::nullopt;
  }
  auto ends_ms = steady_ms() + limit_ms;
  auto open = true;
  while (open || !program.ended()) {
    if (stop || steady_ms() >= ends_ms || text.size() > output_bytes_max)
      return std::nullopt;  // it dies with `program`
    pollfd wait{open ? program.out.get() : program.end_event.get(), POLLIN, 0};
    poll(&wait, 1, look_again_ms);
    if (open && wait.revents != 0) open = read_more(program.out, text);
  }
  auto end = program.reap();
  if (!WIFEXITED(end.status) || WEXITSTATUS(end.status) != 0) return std::nullopt;
  auto all = parse_nvidia_smi(text);
  if (all.empty()) return std::nullopt;
  return all;
}

}  // namespace troupe
