// Back-off for those who guess: after some failures under one name each further one costs twice the wait. Pure.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <unordered_map>

namespace troupe {

struct guard_rules {
  int32_t free = 5;                    // failures before the first wait
  int64_t first_ms = 30'000;           // the first wait; then doubled
  int64_t most_ms = 15 * 60'000;       // no wait is longer
  int64_t forgotten_ms = 15 * 60'000;  // without a failure for so long, the count begins anew
  int32_t at_once = 16;                // tries under way, so that guesses side by side are no way round
  bool forgives = true;                // a success clears the count
  size_t names_max = 50'000;
};

enum class attempt_end { good, bad, untried };

/// Not thread-safe. Times are of a clock that never jumps.
class attempt_guard {
public:
  explicit attempt_guard(guard_rules rules) : rules_{rules} {}

  /// 0: try, and say `end` once it is known. Else so long is to be waited, and nothing was counted.
  int64_t begin(const std::string& name, int64_t now_ms) {
    if (names_.size() >= rules_.names_max) sweep(now_ms);
    auto& x = names_[name];
    if (x.locked_until_ms > now_ms) return x.locked_until_ms - now_ms;
    if (x.under_way >= rules_.at_once) return 1'000;
    if (now_ms - x.failed_ms > rules_.forgotten_ms) x.failures = 0;
    x.under_way += 1;
    return 0;
  }
  void end(const std::string& name, attempt_end how, int64_t now_ms) {
    auto found = names_.find(name);
    if (found == names_.end()) return;
    auto& x = found->second;
    x.under_way -= 1;
    if (how == attempt_end::good && rules_.forgives) x.failures = 0, x.locked_until_ms = 0;
    if (how == attempt_end::bad) failed(x, now_ms);
    if (x.under_way == 0 && x.failures == 0) names_.erase(found);
  }
  size_t size() const { return names_.size(); }

private:
  struct entry {
    int32_t failures = 0, under_way = 0;
    int64_t failed_ms = 0, locked_until_ms = 0;
  };
  void failed(entry& x, int64_t now_ms) const {
    x.failures += 1;
    x.failed_ms = now_ms;
    if (x.failures < rules_.free) return;
    auto doublings = std::min(x.failures - rules_.free, 20);
    auto wait_ms = std::min(rules_.first_ms << doublings, rules_.most_ms);
    x.locked_until_ms = std::max(x.locked_until_ms, now_ms + wait_ms);
  }
  /// Who must wait is never forgotten: filling the table must not open a door.
  void sweep(int64_t now_ms) {
    std::erase_if(names_, [&](auto& each) {
      auto& x = each.second;
      return x.under_way == 0 && x.locked_until_ms <= now_ms;
    });
  }

  const guard_rules rules_;
  std::unordered_map<std::string, entry> names_;
};

}  // namespace troupe
