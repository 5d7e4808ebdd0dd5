// Reads about nodes and their keys.
#include "persistence/node_lookup.hpp"

#include "persistence/fleet_columns.hpp"

namespace troupe::sql {

namespace {

class node_lookup : public node_reader {
public:
  explicit node_lookup(connection& db) : db_{db} {}

  std::vector<std::string> ended_keys(time_ms since_ms, time_ms now_ms) override {
    std::vector<std::string> ids;
    ended_.each([&](row& r) { r(ids.emplace_back()); }, since_ms, now_ms);
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

private:
  connection& db_;
  statement ended_{db_, "SELECT key_id FROM node_keys WHERE ends_ms>0 AND ends_ms>? AND ends_ms<=? ORDER BY key_id"};
  statement all_keys_{db_, "SELECT " + node_key_columns + " FROM node_keys ORDER BY created_ms, key_id"};
  statement keys_of_{db_, "SELECT " + node_key_columns + " FROM node_keys WHERE user_id=? ORDER BY created_ms, key_id"};
};

}  // namespace

std::unique_ptr<node_reader> open_node_reader(connection& db) { return std::make_unique<node_lookup>(db); }

}  // namespace troupe::sql
