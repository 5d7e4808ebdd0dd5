// One stream of chance: the same seed gives the same walk on every machine, so no <random> distribution is used.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

namespace simulate {

class chance {
public:
  explicit chance(uint64_t seed) : source_{seed} {}

  /// 0 ... n-1. REQUIRES: n > 0.
  int64_t below(int64_t n) { return static_cast<int64_t>(source_() % static_cast<uint64_t>(n)); }
  int64_t between(int64_t low, int64_t high) { return low + below(high - low + 1); }
  bool one_in(int64_t n) { return below(n) == 0; }
  /// Small and large numbers alike: 1 to 10^most_digits.
  int64_t any_size(int most_digits) {
    int64_t ten = 1;
    for (auto digits = below(most_digits + 1); digits > 0; --digits) ten *= 10;
    return 1 + below(ten);
  }
  /// REQUIRES: not empty.
  template <class T>
  T& of(std::vector<T>& list) {
    return list[static_cast<size_t>(below(std::ssize(list)))];
  }
  template <class T>
  const T& of(const std::vector<T>& list) {
    return list[static_cast<size_t>(below(std::ssize(list)))];
  }

private:
  std::mt19937_64 source_;
};

/// The seed of the next world.
inline uint64_t seed_after(uint64_t seed) {
  auto x = seed + 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return (x ^ (x >> 31)) >> 16;  // short enough to be typed again
}

}  // namespace simulate
