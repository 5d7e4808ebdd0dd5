// A read-only connection as an actor: one question, one read. Several share the load.
#include "actors/actors.hpp"
#include "actors/guard.hpp"
#include "persistence/people_reader.hpp"

namespace troupe {

namespace {

struct reader_state {
  reader_state() = default;
  static inline const char* name = "reader";
  std::unique_ptr<store_reader> db;
};

using reader_pointer = reader_actor::stateful_pointer<reader_state>;

template <class T>
caf::result<T> found(std::optional<T> x, const char* what) {
  if (x) return std::move(*x);
  return to_error({errc::not_found, std::string{what} + " not found", {}, {}});
}

caf::result<job_view> get_job(store_reader& db, const find_job& ask) {
  auto view = db.find_job(ask.job_id);
  if (view && !ask.user_id.empty() && view->row.user_id != ask.user_id) view.reset();  // no existence oracle
  return found(std::move(view), "Job");
}

/// A suspended provider's keys open nothing.
caf::result<node_key_row> get_node_key(store_reader& db, const std::string& key_id) {
  auto key = db.find_node_key(key_id);
  if (auto owner = key ? db.people().find(key->user_id) : std::nullopt; owner && owner->status != "active") key.reset();
  return found(std::move(key), "node key");
}

/// With the ceilings that hold for it.
caf::result<credential_row> get_credential(store_reader& db, const std::string& credential) {
  auto is_key = credential.starts_with("key:");
  auto row = is_key ? db.find_api_key(credential.substr(4)) : db.find_session(credential.substr(4));
  if (row) {
    row->limits = db.books().spend_limits("user:" + row->user.id);
    auto own = is_key ? db.books().spend_limits("key:" + row->credential_id) : std::vector<spend_limit>{};
    row->limits.insert(row->limits.end(), own.begin(), own.end());
  }
  return found(std::move(row), "credential");
}

reader_actor::behavior_type reader(reader_pointer self, std::unique_ptr<store_reader> opened) {
  self->state.db = std::move(opened);
  auto* db = self->state.db.get();
  return {
      [db](const find_job& x) { return guarded([&] { return get_job(*db, x); }); },
      [db](const list_jobs& x) {
        return guarded([&]() -> caf::result<job_page> { return job_page{db->list_jobs(x.filter)}; });
      },
      [db](const list_live_jobs& x) {
        return guarded(
            [&]() -> caf::result<brief_page> { return brief_page{db->live_jobs(x.states, x.after_id, x.limit)}; });
      },
      [db](const list_granted& x) {
        return guarded([&]() -> caf::result<brief_page> { return brief_page{db->granted_jobs(x.node_id)}; });
      },
      [db](const read_events& x) {
        return guarded([&]() -> caf::result<event_page> {
          return event_page{db->events_after(x.user_id, x.job_id, x.after, x.limit)};
        });
      },
      [db](const read_event_head&) {
        return guarded([&]() -> caf::result<event_head> { return event_head{db->last_event()}; });
      },
      [db](const find_user& x) { return guarded([&] { return found(db->find_user(x.id), "User"); }); },
      [db](const find_login& x) { return guarded([&] { return found(db->find_user_by_login(x.login), "User"); }); },
      [db](const find_credential& x) { return guarded([&] { return get_credential(*db, x.credential); }); },
      [db](const find_node_key& x) { return guarded([&] { return get_node_key(*db, x.key_id); }); },
      [db](const list_nodes&) {
        return guarded([&]() -> caf::result<node_page> { return node_page{db->list_nodes()}; });
      },
      [db](const read_store& x) {
        return guarded([&]() -> caf::result<read_done> {
          x.read(*db);
          return read_done{};
        });
      },
      [db](const read_balances& x) {
        return guarded([&]() -> caf::result<balance_page> { return balance_page{db->balances(x.owner)}; });
      },
      [db](const read_transactions& x) {
        return guarded([&]() -> caf::result<transaction_page> {
          return transaction_page{db->transactions(x.owner, x.limit, x.offset, x.job_id),
                                  db->count_transactions(x.owner)};
        });
      },
  };
}

}  // namespace

reader_actor spawn_reader(house& h, run_on where, std::unique_ptr<store_reader> db) {
  if (where == run_on::own_thread) return h.system.spawn<caf::detached>(reader, std::move(db));
  return h.system.spawn(reader, std::move(db));
}

}  // namespace troupe
