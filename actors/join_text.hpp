// What the proof in a join covers: every field of the offer but the proof itself, whatever is added to it later.
#pragma once

#include <string>
#include <type_traits>
#include <vector>

#include "actors/cluster_messages.hpp"

namespace troupe {

/// An inspector that writes each field with its length, so that no two offers read the same.
class join_text {
public:
  using result_type = void;

  static std::string of(join_node ask) {
    ask.proof.clear();
    join_text text;
    inspect(text, ask);
    return std::move(text.out_);
  }

  template <class... T>
  void operator()(T&&... fields) {
    (add(fields), ...);
  }

private:
  template <class T>
  void add(std::vector<T>& list) {
    out_ += std::to_string(list.size()) + '[';
    for (auto& x : list) add(x);
  }
  template <class T>
  void add(T& x) {
    if constexpr (std::is_same_v<T, std::string>)
      out_ += std::to_string(x.size()) + ':' + x;
    else if constexpr (std::is_arithmetic_v<T> || std::is_enum_v<T>)
      out_ += std::to_string(static_cast<int64_t>(x)) + ',';
    else
      inspect(*this, x);
  }

  std::string out_;
};

}  // namespace troupe
