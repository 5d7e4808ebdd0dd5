// JSON written straight as text, without a tree in between: for what is asked for most. Members keep their order.
#pragma once

#include <charconv>
#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "model/job.hpp"  // time_ms

namespace troupe {

/// One value, from its opening bracket to its end. REQUIRES: names need no escapes; brackets match.
class json_text {
public:
  void begin(char bracket) { next(), out_ += bracket; }
  void begin(std::string_view name, char bracket) { key(name), begin(bracket); }
  void end(char bracket) { out_ += bracket; }

  /// Bytes that are no UTF-8 become U+FFFD, as everywhere.
  void add(std::string_view text);
  template <std::integral T>
  void add(T x) {
    if constexpr (std::same_as<T, bool>)
      literal(x ? "true" : "false");
    else
      add_number(x);
  }
  void add(std::nullptr_t) { literal("null"); }
  void add(const std::vector<std::string>& texts);
  template <class T>
  void add(std::string_view name, const T& value) {
    key(name), add(value);
  }
  /// null when it is empty.
  void add_if_any(std::string_view name, std::string_view text) { key(name), text.empty() ? add(nullptr) : add(text); }
  /// RFC 3339, or null for 0.
  void add_time(std::string_view name, time_ms);
  /// 420'000 ppm as 0.42: for progress bars, no money.
  void add_share(std::string_view name, int32_t ppm);

  std::string take() { return std::move(out_); }

private:
  void next();
  void key(std::string_view name);
  void literal(std::string_view word) { next(), out_ += word; }
  template <class T>
  void add_number(T x) {
    next();
    char digits[32];
    out_.append(digits, std::to_chars(digits, digits + sizeof digits, x).ptr);
  }

  std::string out_;
};

}  // namespace troupe
