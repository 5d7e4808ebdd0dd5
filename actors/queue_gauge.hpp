// How many jobs wait, as far as one process knows: counted in the store now and then, and what was let in since.
// Thread-safe.
#pragma once

#include <algorithm>
#include <cstdint>
#include <mutex>

namespace troupe {

class queue_gauge {
public:
  /// Whether the store must be asked before `more` can be let in: nothing is known yet, or the bound is near and the
  /// last count is not fresh, for jobs leave the queue without telling us.
  bool must_count(int64_t more, int64_t most, int64_t now_ms) const {
    std::lock_guard lock{guard_};
    if (most == 0) return false;
    if (counted_ < 0) return true;
    auto all = counted_ + added_ + more;
    auto age_ms = now_ms - counted_ms_;
    return (all > most && age_ms >= refused_again_ms) || (all > most / 2 && age_ms >= stale_ms);
  }
  /// `under_way`: let in, and perhaps not in that count.
  void count(int64_t counted, int64_t under_way, int64_t now_ms) {
    std::lock_guard lock{guard_};
    counted_ = counted;
    added_ = under_way;
    counted_ms_ = now_ms;
  }
  /// How many of `wanted` may come in.
  int64_t let_in(int64_t wanted, int64_t most) {
    std::lock_guard lock{guard_};
    auto room = most == 0 ? wanted : std::clamp<int64_t>(most - counted_ - added_, 0, wanted);
    added_ += room;
    return room;
  }
  void give_back(int64_t count) {
    std::lock_guard lock{guard_};
    added_ = std::max<int64_t>(0, added_ - count);
  }

private:
  static constexpr int64_t refused_again_ms = 250, stale_ms = 1'000;
  mutable std::mutex guard_;
  int64_t counted_ = -1, added_ = 0, counted_ms_ = 0;
};

}  // namespace troupe
