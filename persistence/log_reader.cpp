// Chunks are found by where they start: a read begins in the one that holds its first byte.
#include "persistence/log_reader.hpp"

#include <algorithm>

namespace troupe::sql {

namespace {

class logs : public log_reader {
public:
  explicit logs(connection& db) : db_{db} {}

  log_owner owner(const std::string& job_id) override {
    log_owner x;
    owner_.first([&](row& r) { r(x.user_id, x.kind, x.state); }, job_id);
    return x;
  }

  std::vector<attempt_seen> attempts(const std::string& job_id) override {
    std::vector<attempt_seen> list;
    auto take = [&](row& r) {
      auto& x = list.emplace_back();
      r(x.epoch, x.node_id, x.outcome, x.began_ms, x.ended_ms);
    };
    attempts_.each(take, job_id, attempt_outcome::rejected);
    return list;
  }

  std::vector<log_stream> streams(const std::string& job_id) override {
    std::vector<log_stream> list;
    auto take = [&](row& r) {
      auto& x = list.emplace_back();
      r(x.epoch, x.stream, x.size, x.closed);
    };
    streams_.each(take, job_id);
    return list;
  }

  std::string read(const std::string& job_id, int64_t epoch, const std::string& stream, int64_t from,
                   int64_t most) override {
    std::string text;
    int64_t first = 0;
    if (!first_.first([&](row& r) { r(first); }, job_id, epoch, stream, from)) return text;
    auto end = from + std::max<int64_t>(0, most);
    auto take = [&](row& r) {
      int64_t start = 0;
      blob found;
      r(start, found);
      auto skip = static_cast<size_t>(std::max<int64_t>(0, from - start));
      auto room = static_cast<size_t>(most) - text.size();
      if (skip < found.bytes.size()) text += found.bytes.substr(skip, room);
    };
    chunks_.each(take, job_id, epoch, stream, first, end);
    return text;
  }

private:
  connection& db_;
  statement owner_{db_, "SELECT user_id,kind,state FROM jobs JOIN job_specs ON job_id=id WHERE id=?"};
  statement attempts_{db_,
                      "SELECT epoch,node_id,outcome,began_ms,ended_ms FROM attempts WHERE job_id=? AND outcome<>?"
                      " ORDER BY epoch"};
  statement streams_{db_, "SELECT epoch,stream,size,closed FROM log_streams WHERE job_id=? ORDER BY epoch,stream"};
  statement first_{db_,
                   "SELECT start FROM log_chunks WHERE job_id=? AND epoch=? AND stream=? AND start<=?"
                   " ORDER BY start DESC LIMIT 1"};
  statement chunks_{db_,
                    "SELECT start,bytes FROM log_chunks WHERE job_id=? AND epoch=? AND stream=? AND start>=?"
                    " AND start<? ORDER BY start"};
};

}  // namespace

std::unique_ptr<log_reader> open_logs(connection& db) { return std::make_unique<logs>(db); }

}  // namespace troupe::sql
