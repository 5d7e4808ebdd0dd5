// The engine's form for two streams in one: a head of 8 bytes (which, and how long), then the bytes.
#pragma once

#include <functional>
#include <string>
#include <string_view>

namespace troupe {

class stream_frames {
public:
  using sink = std::function<void(bool is_stdout, std::string_view bytes)>;
  explicit stream_frames(sink to) : sink_(std::move(to)) {}

  /// However the stream is cut into pieces.
  void add(std::string_view bytes) {
    while (!bytes.empty()) {
      if (left_ > 0) {
        auto part = bytes.substr(0, left_);
        if (stream_ == 1 || stream_ == 2) sink_(stream_ == 1, part);
        left_ -= part.size();
        bytes.remove_prefix(part.size());
        continue;
      }
      head_ += bytes.front();
      bytes.remove_prefix(1);
      if (head_.size() == head_bytes) read_head();
    }
  }

private:
  static constexpr size_t head_bytes = 8;

  void read_head() {
    stream_ = head_[0];
    for (size_t i = 4; i < head_bytes; ++i) left_ = left_ << 8 | static_cast<unsigned char>(head_[i]);
    head_.clear();
  }

  sink sink_;
  std::string head_;
  char stream_ = 0;
  size_t left_ = 0;
};

}  // namespace troupe
