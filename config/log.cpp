// The log lines are made here; spdlog carries them to stderr, one whole line at a time.
#include "config/log.hpp"

#include <spdlog/logger.h>
#include <spdlog/sinks/ansicolor_sink.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <atomic>
#include <memory>

#include "config/text.hpp"
#include "config/world.hpp"

namespace troupe::log {

namespace {

struct output {
  bool json = false;
  std::unique_ptr<spdlog::logger> to;
};

output make_output(form wanted) {
  auto json = wanted == form::json || (wanted == form::automatic && isatty(STDERR_FILENO) == 0);
  spdlog::sink_ptr sink;
  if (json) {
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  } else {
    sink = std::make_shared<spdlog::sinks::ansicolor_stderr_sink_mt>();
  }
  auto logger = std::make_unique<spdlog::logger>("troupe", std::move(sink));
  logger->set_pattern(json ? "%v" : "%T.%e %^%L%$ %v");
  logger->set_level(spdlog::level::trace);  // `wants` is the one gate
  return {json, std::move(logger)};
}

output& current() {
  static auto* const only = new output{make_output(form::automatic)};  // never destroyed: late threads may still log
  return *only;
}

std::atomic<level>& threshold() {
  static std::atomic<level> only{level::warn};
  return only;
}

std::string_view name_of(level l) {
  switch (l) {
    case level::debug: return "debug";
    case level::info: return "info";
    case level::warn: return "warn";
    case level::error: return "error";
    case level::off: break;
  }
  return "off";
}

spdlog::level::level_enum spdlog_level(level l) {
  switch (l) {
    case level::debug: return spdlog::level::debug;
    case level::info: return spdlog::level::info;
    case level::warn: return spdlog::level::warn;
    case level::error: return spdlog::level::err;
    case level::off: break;
  }
  return spdlog::level::off;
}

std::string json_line(level l, std::string_view event, const fields& details) {
  std::string line = "{\"timestamp\":\"" + iso_time(wall_ms()) + "\",\"level\":\"";
  line += name_of(l);
  line += "\",\"message\":" + in_quotes(event);
  for (auto& [key, value] : details) line += "," + in_quotes(key) + ":" + in_quotes(value);
  return line += '}';
}

/// Plain when it reads well without quotes: no space, no control character, no '='.
bool is_plain(std::string_view value) {
  if (value.empty()) return false;
  return in_quotes(value).size() == value.size() + 2 && value.find_first_of(" =") == std::string_view::npos;
}

std::string human_line(std::string_view event, const fields& details) {
  auto safe = in_quotes(event);
  auto line = safe.substr(1, safe.size() - 2);
  for (auto& [key, value] : details) {
    line += ' ';
    line += key;
    line += '=';
    line += is_plain(value) ? value : in_quotes(value);
  }
  return line;
}

}  // namespace

std::optional<level> parse_level(std::string_view text) {
  auto word = lower(text);
  if (word == "warning") return level::warn;
  for (auto l : {level::debug, level::info, level::warn, level::error, level::off})
    if (word == name_of(l)) return l;
  return std::nullopt;
}

std::optional<form> parse_form(std::string_view text) {
  auto word = lower(text);
  if (word == "auto") return form::automatic;
  if (word == "json") return form::json;
  if (word == "human") return form::human;
  return std::nullopt;
}

void open(level lowest, form wanted) {
  current() = make_output(wanted);
  threshold() = lowest;
}

bool wants(level l) { return l != level::off && l >= threshold().load(std::memory_order_relaxed); }

void write(level l, std::string_view event, fields details) {
  auto& out = current();
  auto line = out.json ? json_line(l, event, details) : human_line(event, details);
  out.to->log(spdlog_level(l), spdlog::string_view_t{line.data(), line.size()});
}

}  // namespace troupe::log
