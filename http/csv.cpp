// Quoting.
#include "http/csv.hpp"

namespace troupe {

namespace {

std::string cell_of(const std::string& text) {
  static constexpr std::string_view formula = "=+-@\t\r";
  auto safe = !text.empty() && formula.find(text[0]) != std::string_view::npos ? "'" + text : text;
  if (safe.find_first_of(",\"\r\n") == std::string::npos) return safe;
  std::string quoted = "\"";
  for (auto c : safe) quoted += c == '"' ? std::string{"\"\""} : std::string{c};
  return quoted + "\"";
}

}  // namespace

std::string csv_line(const std::vector<std::string>& cells) {
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) line += (i > 0 ? "," : "") + cell_of(cells[i]);
  return line + "\r\n";
}

http_reply csv_reply(std::string_view file_name, std::string body) {
  http_reply reply;
  reply.content_type = "text/csv; charset=utf-8";
  reply.body = std::move(body);
  reply.headers.emplace_back("Content-Disposition", "attachment; filename=\"" + std::string{file_name} + "\"");
  return reply;
}

}  // namespace troupe
