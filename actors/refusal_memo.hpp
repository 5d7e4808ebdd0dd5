// Who was refused for its limits a moment ago, and surely still is: refusing again costs a look here, and no actor.
// Thread-safe.
#pragma once

#include <algorithm>
#include <array>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <unordered_map>

#include "model/rate_limits.hpp"

namespace troupe {

class refusal_memo {
public:
  struct refusal {
    std::string user_id, tier;
    rate_verdict verdict;
    time_ms made_ms = 0;
  };

  /// Kept while its answer cannot change, a second at most: a new tier that nobody told us of counts by then.
  void note(const std::string& credential, refusal x) {
    if (x.verdict.settled_ms <= 0) return;
    auto& s = slice_of(credential);
    std::lock_guard lock{s.guard};
    if (s.known.size() >= slice_max) s.known.clear();
    s.known.insert_or_assign(credential, std::move(x));
  }
  std::optional<refusal> find(const std::string& credential, time_ms now_ms) {
    auto& s = slice_of(credential);
    std::lock_guard lock{s.guard};
    auto found = s.known.find(credential);
    if (found == s.known.end()) return std::nullopt;
    auto age_ms = now_ms - found->second.made_ms;
    if (age_ms >= 0 && age_ms < std::min(found->second.verdict.settled_ms, kept_ms)) return found->second;
    s.known.erase(found);
    return std::nullopt;
  }
  void forget(const std::string& credential) {
    auto& s = slice_of(credential);
    std::lock_guard lock{s.guard};
    s.known.erase(credential);
  }
  void forget_user(const std::string& user_id) {
    for (auto& s : slices_) {
      std::lock_guard lock{s.guard};
      std::erase_if(s.known, [&](auto& x) { return x.second.user_id == user_id; });
    }
  }

private:
  static constexpr size_t slice_max = 1'024;
  static constexpr int64_t kept_ms = 1'000;
  struct slice {
    std::mutex guard;
    std::unordered_map<std::string, refusal> known;
  };
  slice& slice_of(const std::string& credential) {
    return slices_[std::hash<std::string>{}(credential) % slices_.size()];
  }
  std::array<slice, 16> slices_;
};

}  // namespace troupe
