// Shares as text, the form in which a job's row keeps them.
#include "model/devices.hpp"

#include <charconv>

namespace troupe {

namespace {

/// Takes a number and the character behind it, if that is `end`; 0 stands for the end of the text.
template <class T>
bool take(std::string_view& from, T& value, char end) {
  auto [next, bad] = std::from_chars(from.data(), from.data() + from.size(), value);
  if (bad != std::errc{} || value < 0) return false;
  from.remove_prefix(static_cast<size_t>(next - from.data()));
  if (from.empty()) return end == 0;
  if (from.front() != end) return false;
  from.remove_prefix(1);
  return !from.empty();
}

}  // namespace

std::string format_shares(const std::vector<gpu_share>& all) {
  std::string text;
  for (auto& x : all) text += (text.empty() ? "" : ",") + std::to_string(x.device) + ':' + std::to_string(x.vram_mb);
  return text;
}

std::optional<std::vector<gpu_share>> parse_shares(std::string_view text) {
  std::vector<gpu_share> all;
  while (!text.empty()) {
    gpu_share x;
    if (!take(text, x.device, ':')) return std::nullopt;
    auto last = text.find(',') == std::string_view::npos;
    if (!take(text, x.vram_mb, last ? '\0' : ',')) return std::nullopt;
    all.push_back(x);
  }
  return all;
}

}  // namespace troupe
