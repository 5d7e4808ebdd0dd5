// The newest time that has come is looked for from a short while before now, so that a long absence costs nothing.
#include "model/schedule.hpp"

#include <algorithm>
#include <array>

#include "model/cron.hpp"

namespace troupe {

namespace {

constexpr std::array<std::string_view, 3> overlap_names{"allow", "skip", "cancel_previous"};
constexpr std::array<std::string_view, 2> catch_up_names{"none", "one"};

template <class Rule, size_t n>
std::optional<Rule> parse_word(const std::array<std::string_view, n>& names, std::string_view word) {
  auto found = std::find(names.begin(), names.end(), word);
  if (found == names.end()) return std::nullopt;
  return static_cast<Rule>(found - names.begin());
}

}  // namespace

std::string_view to_string(overlap_rule x) { return overlap_names[static_cast<size_t>(x)]; }
std::string_view to_string(catch_up_rule x) { return catch_up_names[static_cast<size_t>(x)]; }
std::optional<overlap_rule> parse_overlap(std::string_view word) {
  return parse_word<overlap_rule>(overlap_names, word);
}
std::optional<catch_up_rule> parse_catch_up(std::string_view word) {
  return parse_word<catch_up_rule>(catch_up_names, word);
}

time_ms next_firing(const schedule& s, time_ms after_ms) {
  auto parsed = parse_cron(s.cron);
  auto* times = std::get_if<cron>(&parsed);
  if (!s.enabled || times == nullptr) return 0;
  auto next = next_time(*times, std::max(after_ms, s.start_ms - 1)).value_or(0);
  return s.end_ms > 0 && next > s.end_ms ? 0 : next;
}

due_firing look_at(const schedule& s, time_ms now_ms) {
  auto newest = s.next_ms;
  for (time_ms back = 3'600'000; now_ms - back > s.next_ms; back *= 24) {
    auto found = next_firing(s, now_ms - back);
    if (found == 0 || found > now_ms) continue;
    newest = found;
    break;
  }
  for (auto next = newest; next > 0 && next <= now_ms; next = next_firing(s, next)) newest = next;
  return {newest, now_ms - newest > firing_slack_ms && s.catch_up == catch_up_rule::none};
}

}  // namespace troupe
