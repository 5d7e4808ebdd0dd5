// Walks from the largest unit to the smallest: a month, a day, an hour that does not fit is skipped as a whole.
#include "model/cron.hpp"

#include <bit>
#include <chrono>
#include <string>
#include <vector>

namespace troupe {

namespace {

constexpr size_t text_bytes_max = 256;
constexpr int64_t years_max = 40;  // February 29 on a given weekday comes every 28 years, or 40 around 2100

struct field {
  const char* name;
  int least, most;
  std::vector<std::string_view> words;  // for `least`, `least` + 1, ...
};

const std::vector<field>& all_fields() {
  static const std::vector<field> list{
      {"minute", 0, 59, {}},
      {"hour", 0, 23, {}},
      {"day of month", 1, 31, {}},
      {"month", 1, 12, {"jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"}},
      {"day of week", 0, 7, {"sun", "mon", "tue", "wed", "thu", "fri", "sat"}}};
  return list;
}

failure wrong(const field& f, std::string_view part) {
  return {errc::invalid,
          "cron: '" + std::string{part} + "' is no " + f.name + " (" + std::to_string(f.least) + "-" +
              std::to_string(f.most) + ")",
          {},
          {}};
}

std::string lower(std::string_view text) {
  std::string out{text};
  for (auto& c : out)
    if (c >= 'A' && c <= 'Z') c = static_cast<char>(c - 'A' + 'a');
  return out;
}

std::optional<int> number(std::string_view text) {
  if (text.empty() || text.size() > 3) return std::nullopt;
  int n = 0;
  for (auto c : text) {
    if (c < '0' || c > '9') return std::nullopt;
    n = n * 10 + (c - '0');
  }
  return n;
}

std::optional<int> value(const field& f, std::string_view text) {
  for (size_t i = 0; i < f.words.size(); ++i)
    if (f.words[i] == text) return f.least + static_cast<int>(i);
  auto n = number(text);
  return n && *n >= f.least && *n <= f.most ? n : std::nullopt;
}

/// "*", "5", "1-5", each also with "/STEP"; a step behind a single number goes on to the end.
std::optional<uint64_t> part_bits(const field& f, std::string_view part) {
  auto slash = part.find('/');
  auto range = part.substr(0, slash);
  auto step = slash == part.npos ? std::optional{1} : number(part.substr(slash + 1));
  if (!step || *step < 1 || *step > f.most) return std::nullopt;
  auto from = std::optional{f.least}, to = std::optional{f.most};
  if (range != "*") {
    auto dash = range.find('-');
    from = value(f, range.substr(0, dash));
    to = dash != range.npos ? value(f, range.substr(dash + 1)) : slash != part.npos ? f.most : from;
  }
  if (!from || !to || *from > *to) return std::nullopt;
  uint64_t bits = 0;
  for (int i = *from; i <= *to; i += *step) bits |= uint64_t{1} << i;
  return bits;
}

outcome<uint64_t> field_bits(const field& f, std::string_view text) {
  uint64_t bits = 0;
  for (size_t at = 0; at <= text.size();) {
    auto comma = std::min(text.find(',', at), text.size());
    auto part = text.substr(at, comma - at);
    auto found = part_bits(f, part);
    if (!found) return wrong(f, part);
    bits |= *found;
    at = comma + 1;
  }
  return bits;
}

std::vector<std::string> words_of(const std::string& text) {
  std::vector<std::string> words;
  for (size_t at = 0; at < text.size();) {
    at = text.find_first_not_of(" \t", at);
    if (at == text.npos) break;
    auto end = std::min(text.find_first_of(" \t", at), text.size());
    words.push_back(text.substr(at, end - at));
    at = end;
  }
  return words;
}

std::string unfold(const std::string& text) {
  if (text == "@hourly") return "0 * * * *";
  if (text == "@daily" || text == "@midnight") return "0 0 * * *";
  if (text == "@weekly") return "0 0 * * 0";
  if (text == "@monthly") return "0 0 1 * *";
  if (text == "@yearly" || text == "@annually") return "0 0 1 1 *";
  return text;
}

bool has(uint64_t bits, unsigned n) { return (bits >> n & 1) != 0; }

bool fits(const cron& c, const std::chrono::sys_days& day) {
  using namespace std::chrono;
  auto of_month = has(c.days, unsigned{year_month_day{day}.day()});
  auto of_week = has(c.weekdays, weekday{day}.c_encoding());
  return c.any_day || c.any_weekday ? of_month && of_week : of_month || of_week;
}

/// The first bit at or above `from`.
std::optional<int> next_bit(uint64_t bits, int from) {
  bits = from > 63 ? 0 : bits >> from << from;
  return bits == 0 ? std::nullopt : std::optional{std::countr_zero(bits)};
}

}  // namespace

outcome<cron> parse_cron(std::string_view given) {
  if (given.size() > text_bytes_max) return failure{errc::invalid, "cron: the text is too long", {}, {}};
  auto words = words_of(unfold(lower(given)));
  if (words.size() != 5)
    return failure{
        errc::invalid, "cron must have 5 fields (minute hour day month weekday), or be like @hourly", {}, {}};
  std::vector<uint64_t> bits;
  for (size_t i = 0; i < words.size(); ++i) {
    auto found = field_bits(all_fields()[i], words[i]);
    if (auto bad = std::get_if<failure>(&found)) return *bad;
    bits.push_back(std::get<uint64_t>(found));
  }
  cron c;
  c.minutes = bits[0];
  c.hours = static_cast<uint32_t>(bits[1]);
  c.days = static_cast<uint32_t>(bits[2]);
  c.months = static_cast<uint16_t>(bits[3]);
  c.weekdays = static_cast<uint8_t>((bits[4] | bits[4] >> 7) & 0x7f);  // 7 is Sunday, too
  c.any_day = words[2].starts_with('*');
  c.any_weekday = words[4].starts_with('*');
  if (!next_time(c, 0)) return failure{errc::invalid, "cron: there is no such day", {}, {}};
  return c;
}

std::optional<time_ms> next_time(const cron& c, time_ms after_ms) {
  using namespace std::chrono;
  auto from = sys_time<milliseconds>{milliseconds{after_ms}};
  auto minute = floor<minutes>(from) + minutes{1};
  auto day = floor<days>(minute);
  auto in_day = static_cast<int>((minute - day).count());
  auto last = day + days{years_max * 366};
  while (day <= last) {
    year_month_day date{day};
    if (!has(c.months, unsigned{date.month()})) {
      day = sys_days{(date.year() / date.month() + months{1}) / 1};
      in_day = 0;
      continue;
    }
    if (fits(c, day)) {
      auto hour = next_bit(c.hours, in_day / 60);
      auto first = hour && *hour == in_day / 60 ? next_bit(c.minutes, in_day % 60) : next_bit(c.minutes, 0);
      if (hour && !first) {  // this hour is over
        hour = next_bit(c.hours, in_day / 60 + 1);
        first = next_bit(c.minutes, 0);
      }
      if (hour) return duration_cast<milliseconds>((day + hours{*hour} + minutes{*first}).time_since_epoch()).count();
    }
    day += days{1};
    in_day = 0;
  }
  return std::nullopt;
}

}  // namespace troupe
