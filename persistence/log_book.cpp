// Written at once, for the pieces of one change may be of one stream, and the next begins where the one before ends.
#include "persistence/log_book.hpp"

#include "model/limits.hpp"
#include "model/log.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

bool is_file(const std::string& stream) { return stream.starts_with(file_stream); }

bool is_name(const std::string& stream) {
  if (stream == stdout_stream || stream == stderr_stream) return true;
  return is_file(stream) && stream.size() > file_stream.size() && stream.size() <= limits::log_name_bytes_max;
}

}  // namespace

log_book::log_book(connection& db)
    : find_attempt_{db, "SELECT node_id FROM attempts WHERE job_id=? AND epoch=?"},
      find_stream_{db, "SELECT size,closed FROM log_streams WHERE job_id=? AND epoch=? AND stream=?"},
      sum_files_{db,
                 "SELECT CAST(coalesce(sum(size),0) AS BIGINT) FROM log_streams"
                 " WHERE job_id=? AND epoch=? AND stream LIKE 'file:%'"},
      count_streams_{db, "SELECT count(*) FROM log_streams WHERE job_id=? AND epoch=?"},
      insert_chunk_{db, "INSERT INTO log_chunks(job_id,epoch,stream,start,size,bytes) VALUES(?,?,?,?,?,?)"},
      put_stream_{db,
                  "INSERT INTO log_streams(job_id,epoch,stream,size,closed) VALUES(?,?,?,?,?)"
                  " ON CONFLICT(job_id,epoch,stream) DO UPDATE SET size=excluded.size, closed=excluded.closed"} {}

log_book::stream log_book::find(const log_append& a, const std::string& name) {
  stream s;
  s.is_there = find_stream_.first([&](row& r) { r(s.size, s.closed); }, a.job_id, a.epoch, name);
  return s;
}

bool log_book::check(const change& c, change_result& r) {
  if (!c.logs) return true;
  const auto& a = *c.logs;
  auto about = "the log of job " + a.job_id + ", attempt " + std::to_string(a.epoch);
  std::string node;
  auto found = find_attempt_.first([&](row& x) { x(node); }, a.job_id, a.epoch);
  if (!found || node != a.node_id) return refuse(r, errc::stale, about + " is not that node's");
  int64_t files = 0, files_before = 0, count = 0;
  sum_files_.first([&](row& x) { x(files_before); }, a.job_id, a.epoch);
  count_streams_.first([&](row& x) { x(count); }, a.job_id, a.epoch);
  std::map<std::string, stream> streams;
  for (const auto& p : a.pieces) {
    if (!is_name(p.stream)) return refuse(r, errc::invalid, about + " has no such stream");
    auto [at, is_new] = streams.try_emplace(p.stream);
    auto& s = at->second;
    if (is_new) s = find(a, p.stream);
    if (is_new && !s.is_there && ++count > limits::log_streams_max)
      return refuse(r, errc::too_large, about + " has too many streams");
    auto end = p.start + std::ssize(p.bytes);
    if (p.start < 0 || p.start > s.size) return refuse(r, errc::conflict, about + " has a gap");
    if (s.closed && end > s.size) return refuse(r, errc::stale, about + " is closed");
    if (is_file(p.stream)) files += std::max<int64_t>(0, end - s.size);
    s.size = std::max(s.size, end);
    s.closed = s.closed || p.last;
    if (!is_file(p.stream) && s.size > a.stream_max) return refuse(r, errc::too_large, about + " is too long");
  }
  return files_before + files <= a.files_max || files == 0 ||
         refuse(r, errc::too_large, about + " has more artifacts than are kept");
}

void log_book::write(const change& c) {
  if (!c.logs) return;
  const auto& a = *c.logs;
  for (const auto& p : a.pieces) {
    auto s = find(a, p.stream);
    auto fresh = std::string_view{p.bytes};
    fresh.remove_prefix(std::min(fresh.size(), static_cast<size_t>(s.size - p.start)));
    if (fresh.empty() && (!p.last || s.closed) && s.is_there) continue;
    auto size = static_cast<int64_t>(fresh.size());
    if (size > 0) insert_chunk_.run(a.job_id, a.epoch, p.stream, s.size, size, blob{fresh});
    put_stream_.run(a.job_id, a.epoch, p.stream, s.size + size, s.closed || p.last);
  }
}

}  // namespace troupe::sql
