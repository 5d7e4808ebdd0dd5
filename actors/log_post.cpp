// Bytes stay until they are stored, so that any loss on the way, or of a gateway, costs a repetition.
#include "actors/log_post.hpp"

#include <algorithm>

#include "model/limits.hpp"

namespace troupe {

void log_post::add(attempt_output x) {
  auto& s = streams_[{x.lease, x.stream}];
  s.bytes += x.bytes;
  s.last = s.last || x.last;
  unsent_ += x.bytes.size();
}

std::vector<attempt_log> log_post::take() {
  std::vector<attempt_log> list;
  for (auto& [at, s] : streams_) {
    while (flight_ < limits::log_flight_bytes_max) {
      auto size = std::min(s.bytes.size() - s.sent, limits::log_piece_bytes_max);
      auto last = s.last && s.sent + size == s.bytes.size();
      if (size == 0 && (!last || s.last_sent)) break;
      if (list.empty() || list.back().lease != at.first) list.push_back({at.first, {}});
      auto start = s.start + static_cast<int64_t>(s.sent);
      list.back().pieces.push_back({at.second, start, s.bytes.substr(s.sent, size), last});
      s.sent += size;
      s.last_sent = last;
      flight_ += size + 1;  // an empty last piece is under way, too
      unsent_ -= size;
    }
  }
  return list;
}

void log_post::stored(const log_mark& m) {
  flight_ = 0;  // each batch is acknowledged as a whole
  auto found = streams_.find({m.lease, m.stream});
  if (found == streams_.end()) return;
  auto& s = found->second;
  auto done = std::clamp<int64_t>(m.end - s.start, 0, std::ssize(s.bytes));
  if (static_cast<size_t>(done) > s.sent) {
    unsent_ -= static_cast<size_t>(done) - s.sent;
    s.sent = static_cast<size_t>(done);
  }
  s.bytes.erase(0, static_cast<size_t>(done));
  s.start += done;
  s.sent -= static_cast<size_t>(done);
  if (m.last && s.last && s.bytes.empty()) streams_.erase(found);
}

void log_post::refused(const lease_ref& lease) {
  flight_ = 0;
  for (auto i = streams_.begin(); i != streams_.end();) {
    auto ours = i->first.first == lease;
    if (ours) unsent_ -= i->second.bytes.size() - i->second.sent;
    i = ours ? streams_.erase(i) : std::next(i);
  }
}

void log_post::again() {
  flight_ = 0;
  unsent_ = 0;
  for (auto& [at, s] : streams_) {
    s.sent = 0;
    s.last_sent = false;
    unsent_ += s.bytes.size();
  }
}

}  // namespace troupe
