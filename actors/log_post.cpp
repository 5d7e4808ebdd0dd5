// Bytes stay until they are stored, so that any loss on the way, or of a gateway, costs a repetition.
#include "actors/log_post.hpp"

#include <algorithm>

#include "model/limits.hpp"

namespace troupe {

void log_post::add(attempt_output x) {
  auto at = streams_.try_emplace({x.lease, x.stream}).first;
  auto& s = at->second;
  if (s.refused) {
    if (x.last) streams_.erase(at);
    return;
  }
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
  auto found = streams_.find({m.lease, m.stream});
  if (found == streams_.end()) return;
  auto& s = found->second;
  auto done = static_cast<size_t>(std::clamp<int64_t>(m.end - s.start, 0, std::ssize(s.bytes)));
  if (done > s.sent) {
    unsent_ -= done - s.sent;
    s.sent = done;
  }
  s.bytes.erase(0, done);
  s.start += static_cast<int64_t>(done);
  s.sent -= done;
  if (m.last && s.last && s.bytes.empty()) streams_.erase(found);
}

void log_post::refused(const log_refusal& r) {
  auto found = streams_.find({r.lease, r.stream});
  if (found == streams_.end()) return;
  auto& s = found->second;
  unsent_ -= s.bytes.size() - s.sent;
  if (s.last)
    streams_.erase(found);
  else
    s = {.refused = true};
}

bool log_post::again() {
  auto all_stored = true;
  flight_ = 0;
  unsent_ = 0;
  for (auto& [at, s] : streams_) {
    all_stored = all_stored && s.sent == 0 && !s.last_sent;
    s.sent = 0;
    s.last_sent = false;
    unsent_ += s.bytes.size();
  }
  return all_stored;
}

}  // namespace troupe
