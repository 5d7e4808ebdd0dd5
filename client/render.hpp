// Text for a terminal: harmless characters, aligned tables, a progress bar, durations. Pure.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace troupe::client {

inline constexpr size_t screen_columns_max = 100;

/// What a stranger wrote, made safe to show on one line: no control characters, escape sequences or text-direction
/// tricks; line ends become blanks; bytes that are not UTF-8 become U+FFFD.
std::string plain(std::string_view);
/// The same for text of many lines: line ends and tabs stay.
std::string plain_lines(std::string_view);

/// How many columns a UTF-8 text takes, one for each character.
size_t columns_of(std::string_view);
/// At most `columns` wide; what was cut shows as "…".
std::string cut(std::string_view, size_t columns);

/// "[=====>    ]", exactly `columns` wide. The fraction is held to 0..1.
std::string progress_bar(double fraction, size_t columns);

/// "850 ms", "12.3 s", "2m 05s", "3h 02m".
std::string duration_text(int64_t ms);
/// A running clock, whole seconds: "0:05", "2:05", "3:02:05".
std::string clock_text(int64_t ms);

/// Unix milliseconds of "2026-11-22T10:30:00[.123]Z", nothing for any other form.
std::optional<int64_t> parse_iso_time(std::string_view);
/// "2026-11-22 10:30:00" for such a time, the text itself for any other.
std::string short_time(std::string_view iso);

struct column {
  std::string title;
  bool right = false;  // numbers
  bool whole = false;  // never cut: ids that one copies
};
using row = std::vector<std::string>;

/// Titles and rows, two blanks between columns, cut to `columns_max`. A column that is empty in all rows is left out.
std::string table(const std::vector<column>&, const std::vector<row>&, size_t columns_max = screen_columns_max);

/// "name   value" lines, values aligned; facts without a value are left out.
std::string facts(const std::vector<std::pair<std::string, std::string>>&);

}  // namespace troupe::client
