// Numbers rise by one with each event and are never given twice: no event is ever deleted.
#include "persistence/event_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr int64_t events_per_mark = 64;  // how far a reader walks back at most for one event
constexpr size_t cached_users_max = 100'000;

}  // namespace

event_book::event_book(connection& db)
    : find_last_{db, "SELECT coalesce(max(seq), 0) FROM events"},
      find_end_{db, "SELECT newest,count FROM event_ends WHERE user_id=?"},
      insert_{db, "INSERT INTO events(" + event_columns + ",user_before) VALUES(" + marks(14) + ")"},
      put_ends_{db,
                "INSERT INTO event_ends(user_id,newest,count) VALUES(?,?,?)"
                " ON CONFLICT(user_id) DO UPDATE SET newest=excluded.newest, count=excluded.count"},
      insert_marks_{db, "INSERT INTO event_marks(user_id,seq) VALUES(?,?)"} {
  if (db.kind() == engine::postgres)
    fetch_ends_.emplace(db, "SELECT user_id,newest,count FROM event_ends WHERE user_id = ANY(?::text[])");
  find_last_.first([&](row& r) { r(last_); });
}

void event_book::expect(const change& c) {
  if (!fetch_ends_) return;
  for (const auto& e : c.events)
    if (!ends_.contains(e.user_id)) wanted_.push_back(e.user_id);
}

void event_book::fetch() {
  if (wanted_.empty()) return;
  for (const auto& id : wanted_) ends_.try_emplace(id);
  auto take = [&](row& r) {
    std::string id;
    end x;
    r(id, x.newest, x.count);
    ends_[id] = x;
  };
  fetch_ends_->each(take, array_of(wanted_));
  wanted_.clear();
}

void event_book::forget() {
  ends_.clear();
  find_last_.first([&](row& r) { r(last_); });
}

event_book::ends::value_type& event_book::end_of(const std::string& user_id) {
  auto known = ends_.find(user_id);
  if (known != ends_.end()) return *known;
  end x;
  find_end_.first([&](row& r) { r(x.newest, x.count); }, user_id);
  return *ends_.emplace(user_id, x).first;
}

void event_book::write(const std::vector<event_row>& events, change_result& r) {
  for (const auto& e : events) {
    auto& of_user = end_of(e.user_id);
    auto& [newest, count, written] = of_user.second;
    insert_.add(++last_, e.user_id, e.job_id, e.kind, e.terminal, e.attempt, e.node_id, e.progress_ppm, e.message,
                e.error_code, e.value, e.currency, e.at_ms, newest);
    newest = last_;
    if (++count % events_per_mark == 0) insert_marks_.add(e.user_id, last_);
    if (written) unwritten_.push_back(&of_user);
    written = false;
    r.last_event = last_;
  }
}

void event_book::flush() {
  for (auto* of_user : unwritten_) {
    put_ends_.add(of_user->first, of_user->second.newest, of_user->second.count);
    of_user->second.written = true;
  }
  unwritten_.clear();
  if (!insert_.flush() || !put_ends_.flush() || !insert_marks_.flush())
    throw store_unavailable{"the event log was written by somebody else"};
  if (ends_.size() > cached_users_max) ends_.clear();
}

}  // namespace troupe::sql
