// Structured logs: one JSON object a line, or a human form on a terminal. Safe from every thread.
#pragma once

#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace troupe::log {

enum class level { debug, info, warn, error, off };
enum class form { automatic, json, human };  // automatic: human when stderr is a terminal

using field = std::pair<std::string_view, std::string>;
using fields = std::initializer_list<field>;

/// "debug", "info", "warn", "error", "off"; and "auto", "json", "human". In any case.
std::optional<level> parse_level(std::string_view);
std::optional<form> parse_form(std::string_view);

/// Call once, before threads start. Logs go to stderr. Until then warnings and errors are written.
void open(level, form);
bool wants(level);

/// `event` is a short stable phrase ("job failed"), details go into fields ("job_id", "request_id", ...).
void write(level, std::string_view event, fields = {});
inline void debug(std::string_view event, fields f = {}) {
  if (wants(level::debug)) write(level::debug, event, f);
}
inline void info(std::string_view event, fields f = {}) {
  if (wants(level::info)) write(level::info, event, f);
}
inline void warn(std::string_view event, fields f = {}) {
  if (wants(level::warn)) write(level::warn, event, f);
}
inline void error(std::string_view event, fields f = {}) {
  if (wants(level::error)) write(level::error, event, f);
}

}  // namespace troupe::log
