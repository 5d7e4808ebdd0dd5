// Each question is answered through an index that holds only what waits.
#include "persistence/waiting_reader.hpp"

#include <algorithm>

#include "persistence/columns.hpp"

namespace troupe::sql {

namespace {

class waiting : public waiting_reader {
public:
  explicit waiting(connection& db) : db_{db} {}

  std::vector<std::string> expired_jobs(time_ms now_ms, int32_t limit) override {
    std::vector<std::string> list;
    expired_.each([&](row& r) { r(list.emplace_back()); }, now_ms, limit);
    return list;
  }
  std::vector<ready_child> ready_children(int32_t limit) override {
    std::vector<ready_child> list;
    auto take = [&](row& r) {
      auto& x = list.emplace_back();
      r(x.id, x.failed_parent);
    };
    ready_.each(take, limit);
    return list;
  }
  std::vector<schedule> due_schedules(time_ms now_ms, int32_t limit) override {
    return all<schedule>(due_, now_ms, limit);
  }
  std::optional<schedule> find_schedule(const std::string& id) override {
    auto found = all<schedule>(find_, id);
    return found.empty() ? std::nullopt : std::optional{std::move(found[0])};
  }
  std::vector<schedule> list_schedules(const std::string& user_id, const std::string& after_id,
                                       int32_t limit) override {
    return all<schedule>(list_, user_id, after_id, std::max(0, limit));
  }
  std::vector<firing> firings(const std::string& schedule_id, int32_t limit) override {
    return all<firing>(firings_, schedule_id, std::max(0, limit));
  }

private:
  template <class T, class... Values>
  std::vector<T> all(statement& s, const Values&... values) {
    std::vector<T> list;
    s.each([&](row& r) { r(list.emplace_back()); }, values...);
    return list;
  }

  connection& db_;
  // The states are those of is_waiting; a job that runs past its time stays in the index until its end.
  statement expired_{db_,
                     "SELECT id FROM jobs <<lite:INDEXED BY jobs_expiry>> WHERE ended=0 AND expires_ms>0"
                     " AND expires_ms<=? AND state IN (0,1,2,6) ORDER BY expires_ms LIMIT ?"};
  statement ready_{db_,
                   "SELECT d.child, max(CASE WHEN d.done=2 THEN d.parent ELSE '' END)"
                   " FROM job_dependencies d <<lite:INDEXED BY dependencies_moved>> WHERE d.done IN (1,2)"
                   " AND (d.done=2 OR NOT EXISTS"
                   " (SELECT 1 FROM job_dependencies e WHERE e.child=d.child AND e.done=0))"
                   " GROUP BY d.child ORDER BY d.child LIMIT ?"};
  statement due_{db_, "SELECT " + schedule_columns +
                          " FROM schedules <<lite:INDEXED BY schedules_due>> WHERE next_ms>0 AND next_ms<=?"
                          " ORDER BY next_ms LIMIT ?"};
  statement find_{db_, "SELECT " + schedule_columns + " FROM schedules WHERE id=?"};
  statement list_{db_, "SELECT " + schedule_columns + " FROM schedules WHERE user_id=? AND id>? ORDER BY id LIMIT ?"};
  statement firings_{db_,
                     "SELECT " + firing_columns + " FROM firings WHERE schedule_id=? ORDER BY fire_ms DESC LIMIT ?"};
};

}  // namespace

std::unique_ptr<waiting_reader> open_waiting(connection& db) { return std::make_unique<waiting>(db); }

}  // namespace troupe::sql
