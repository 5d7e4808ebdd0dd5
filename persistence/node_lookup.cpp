// Reads about nodes, their keys, and who brings them.
#include "persistence/node_lookup.hpp"

#include "persistence/columns.hpp"
#include "persistence/fleet_columns.hpp"

namespace troupe::sql {

namespace {

const std::string granted = "ended=0 AND state IN (" + std::to_string(static_cast<int>(job_state::leased)) + "," +
                            std::to_string(static_cast<int>(job_state::running)) + "," +
                            std::to_string(static_cast<int>(job_state::cancelling)) + ")";

class node_lookup : public node_reader {
public:
  explicit node_lookup(connection& db) : db_{db} {}

  std::vector<std::string> ended_keys(time_ms since_ms, time_ms now_ms) override {
    std::vector<std::string> ids;
    ended_.each([&](row& r) { r(ids.emplace_back()); }, since_ms, now_ms, since_ms, now_ms);
    return ids;
  }
  std::vector<node_key_row> node_keys(const std::string& user_id) override {
    std::vector<node_key_row> list;
    auto take = [&](row& r) { r(list.emplace_back()); };
    if (user_id.empty())
      all_keys_.each(take);
    else
      keys_of_.each(take, user_id);
    return list;
  }
  std::optional<known_node> find(const std::string& node_id) override {
    known_node x;
    if (!find_.first([&](row& r) { r(x.row); }, node_id)) return {};
    x.record = record(node_id);
    count_.first([&](row& r) { r(x.running); }, node_id);
    return x;
  }
  node_record record(const std::string& node_id) override {
    node_record x;
    record_.first([&](row& r) { r(x); }, node_id);
    x.node_id = node_id;
    return x;
  }
  std::map<std::string, node_record> records() override {
    std::map<std::string, node_record> all;
    auto take = [&](row& r) {
      node_record x;
      r(x);
      all.emplace(x.node_id, x);
    };
    records_.each(take);
    return all;
  }
  std::vector<node_record> changed_records(time_ms since_ms, time_ms now_ms) override {
    std::vector<node_record> list;
    changed_.each([&](row& r) { r(list.emplace_back()); }, since_ms, since_ms, now_ms);
    return list;
  }
  std::map<std::string, int64_t> running() override {
    std::map<std::string, int64_t> counts;
    running_.each([&](row& r) {
      std::string id;
      int64_t count = 0;
      r(id, count);
      counts[id] = count;
    });
    return counts;
  }
  std::vector<provider_row> providers() override {
    std::vector<provider_row> list;
    providers_.each([&](row& r) { r(list.emplace_back()); });
    return list;
  }
  std::optional<provider_row> find_provider(const std::string& id) override {
    provider_row x;
    if (!provider_.first([&](row& r) { r(x); }, id, id)) return {};
    return x;
  }

private:
  connection& db_;
  statement ended_{db_,
                   "SELECT key_id FROM node_keys WHERE ends_ms>0 AND ends_ms>? AND ends_ms<=?"
                   " UNION SELECT k.key_id FROM users u JOIN node_keys k ON k.user_id=u.id"
                   " WHERE u.status='suspended' AND u.status_ms>? AND u.status_ms<=? ORDER BY key_id"};
  statement all_keys_{db_, "SELECT " + node_key_columns + " FROM node_keys ORDER BY created_ms, key_id"};
  statement keys_of_{db_, "SELECT " + node_key_columns + " FROM node_keys WHERE user_id=? ORDER BY created_ms, key_id"};
  statement find_{db_, "SELECT " + node_columns + " FROM nodes WHERE id=? AND state<>'removed'"};
  statement count_{db_, "SELECT count(*) FROM jobs <<lite:INDEXED BY jobs_live>> WHERE " + granted + " AND node_id=?"};
  statement running_{
      db_, "SELECT node_id,count(*) FROM jobs <<lite:INDEXED BY jobs_live>> WHERE " + granted + " GROUP BY node_id"};
  statement record_{db_, "SELECT " + record_columns + " FROM node_records WHERE node_id=?"};
  statement records_{db_, "SELECT " + record_columns + " FROM node_records"};
  statement changed_{db_, "SELECT " + record_columns +
                              " FROM node_records WHERE changed_ms>? OR (quarantined_until_ms>? AND"
                              " quarantined_until_ms<=?)"};
  statement providers_{db_, "SELECT " + provider_columns + " FROM providers ORDER BY id"};
  statement provider_{db_, "SELECT " + provider_columns + " FROM providers WHERE id=? OR user_id=?"};
};

}  // namespace

std::unique_ptr<node_reader> open_node_reader(connection& db) { return std::make_unique<node_lookup>(db); }

}  // namespace troupe::sql
