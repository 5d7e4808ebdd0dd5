// Statements behind `webhook_reader`.
#include "persistence/webhook_reader.hpp"

#include "persistence/identity_reader.hpp"
#include "persistence/sql.hpp"

namespace troupe::sql {

namespace {

const std::string columns =
    "id,user_id,url,secret,old_secret,old_ends_ms,events,active,told_seq,attempts,next_ms,given_up,created_ms";

webhook webhook_of(row& r) {
  webhook w;
  std::string events;
  r(w.id, w.user_id, w.url, w.secret, w.old_secret, w.old_ends_ms, events, w.active, w.told_seq, w.attempts, w.next_ms,
    w.given_up, w.created_ms);
  w.events = words_of(events);
  return w;
}

class lookup : public webhook_reader {
public:
  explicit lookup(connection& db) : db_{db} {}

  std::optional<webhook> find(const std::string& id) override {
    std::optional<webhook> found;
    find_.first([&](row& r) { found = webhook_of(r); }, id);
    return found;
  }
  std::vector<webhook> list(const std::string& user_id) override {
    std::vector<webhook> all;
    list_.each([&](row& r) { all.push_back(webhook_of(r)); }, user_id);
    return all;
  }
  std::vector<webhook_delivery> deliveries(const std::string& id) override {
    std::vector<webhook_delivery> all;
    auto take = [&](row& r) {
      auto& x = all.emplace_back();
      r(x.seq, x.event, x.state, x.attempts, x.status, x.trouble, x.first_ms, x.last_ms, x.next_ms);
    };
    deliveries_.each(take, id);
    return all;
  }
  std::vector<due_webhook> due(time_ms now_ms, const std::string& after_id, int32_t limit) override {
    std::vector<due_webhook> all;
    auto take = [&](row& r) {
      auto& x = all.emplace_back();
      r(x.id, x.user_id);
    };
    due_.each(take, after_id, now_ms, limit);
    return all;
  }

private:
  connection& db_;
  statement find_{db_, "SELECT " + columns + " FROM webhooks WHERE id=?"};
  statement list_{db_, "SELECT " + columns + " FROM webhooks WHERE user_id=? ORDER BY created_ms,id"};
  statement deliveries_{db_,
                        "SELECT seq,event,state,attempts,status,trouble,first_ms,last_ms,next_ms"
                        " FROM webhook_deliveries WHERE webhook_id=? ORDER BY seq DESC"};
  statement due_{db_,
                 "SELECT w.id,w.user_id FROM webhooks w JOIN event_ends e ON e.user_id=w.user_id"
                 " JOIN users u ON u.id=w.user_id"
                 " WHERE w.active=1 AND u.status='active' AND w.id>? AND w.next_ms<=? AND e.newest>w.told_seq ORDER BY "
                 "w.id LIMIT ?"};
};

}  // namespace

std::unique_ptr<webhook_reader> open_webhooks(connection& db) { return std::make_unique<lookup>(db); }

}  // namespace troupe::sql
