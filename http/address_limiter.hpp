// How often an address asks without a valid credential. Of this gateway alone, in memory, and bounded: 65,536 addresses
// at most, and all of an IPv6 /64 are one. Thread-safe.
#pragma once

#include <cstdint>
#include <mutex>
#include <string_view>
#include <unordered_map>

#include "model/ip_range.hpp"

namespace troupe {

class address_limiter {
public:
  /// `burst` within a second. `per_minute` 0: no limit at all.
  address_limiter(int64_t per_minute, int64_t burst) : per_minute_{per_minute}, burst_{burst} {}

  /// 0: counted. Else nothing is counted, and it is so many milliseconds until it would be.
  int64_t refused_ms(std::string_view ip, int64_t now_ms);
  /// As many as are remembered.
  size_t size() const;

private:
  struct window {
    int64_t start_ms = 0, count = 0;
  };
  struct visits {
    window minute, second;
  };
  struct address {
    ip_bytes bytes;
    friend bool operator==(const address&, const address&) = default;
  };
  struct hash {
    size_t operator()(const address& x) const {
      return std::hash<std::string_view>{}({reinterpret_cast<const char*>(x.bytes.data()), x.bytes.size()});
    }
  };
  using book = std::unordered_map<address, visits, hash>;
  visits& of(const address&);

  const int64_t per_minute_, burst_;
  mutable std::mutex guard_;
  book young_, old_;  // when the young are too many they become the old, and the old are forgotten
};

}  // namespace troupe
