// Tables as CSV: RFC 4180, and safe to open in a spreadsheet.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "http/server.hpp"

namespace troupe {

/// One line, ended by CR LF. Quoted where it must be; text that a spreadsheet would take for a formula gets a leading
/// apostrophe.
std::string csv_line(const std::vector<std::string>& cells);
http_reply csv_reply(std::string_view file_name, std::string body);

}  // namespace troupe
