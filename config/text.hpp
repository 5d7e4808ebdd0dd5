// Text for machines and for one line of a terminal: quoting, and a few ASCII helpers that ignore the locale.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace troupe {

/// A string in double quotes that is valid JSON and valid TOML: control characters are escaped, broken UTF-8 becomes
/// U+FFFD.
std::string in_quotes(std::string_view);

std::string lower(std::string_view);
bool is_digits(std::string_view);
/// "a,b" is two parts; "" is one empty part.
std::vector<std::string_view> split(std::string_view, char separator);

}  // namespace troupe
