// What can be asked. Every question is answered through an index, so that old jobs cost nothing.
#include "persistence/reader.hpp"

#include <algorithm>

#include "persistence/audit_reader.hpp"
#include "persistence/book_reader.hpp"
#include "persistence/columns.hpp"
#include "persistence/credential_lookup.hpp"
#include "persistence/fleet_columns.hpp"
#include "persistence/identity_reader.hpp"
#include "persistence/job_book.hpp"
#include "persistence/journal.hpp"
#include "persistence/log_reader.hpp"
#include "persistence/node_lookup.hpp"
#include "persistence/people_book.hpp"
#include "persistence/people_reader.hpp"
#include "persistence/sql.hpp"
#include "persistence/waiting_reader.hpp"

namespace troupe::sql {

namespace {

const std::string job_and_spec = "SELECT " + job_columns + "," + spec_columns;
const std::string journal_rows =
    "SELECT j.seq,j.id,j.code,d.owner,d.kind,d.asset,c.owner,c.kind,c.asset,j.amount,j.job_id,j.hold_id,j.note,j.at_ms"
    " FROM journal j JOIN accounts d ON d.id=j.debit JOIN accounts c ON c.id=j.credit";

/// Above every id: the start of a listing without `before_id`.
constexpr std::string_view after_all = "\x7f";

/// The columns of `journal_rows`.
void read(row& r, transaction_row& t) {
  r(t.seq, t.id, t.code, t.debit, t.credit, t.value, t.job_id, t.hold_id, t.note, t.at_ms);
}

/// A set of states as bits, for one prepared statement whatever the set.
int64_t bits(const std::vector<job_state>& states) {
  int64_t set = 0;
  for (auto s : states) set |= int64_t{1} << static_cast<int>(s);
  return set;
}

/// The states that a list is asked for: one, or those of the public word.
std::vector<job_state> wanted_states(const job_filter& f) {
  if (f.state) return {*f.state};
  std::vector<job_state> states;
  for (int i = 0; f.status && i < job_states; ++i)
    if (auto s = static_cast<job_state>(i); public_status(s) == *f.status) states.push_back(s);
  return states;
}

class reader : public store_reader {
public:
  explicit reader(std::unique_ptr<connection> line) : line_{std::move(line)} {}

  std::optional<job_view> find_job(const std::string& id) override;
  std::vector<job_view> list_jobs(const job_filter&) override;
  std::vector<job_brief> granted_jobs(const std::string& node_id) override;
  std::vector<job_brief> live_jobs(const std::vector<job_state>&, const std::string& after_id, int32_t limit) override;
  std::optional<idempotency_row> find_idempotent(const std::string& scope, const std::string& key) override;
  std::vector<event_row> events_after(const std::string& user_id, const std::string& job_id, int64_t after,
                                      int32_t limit) override;
  int64_t last_event() override;
  std::optional<user_row> find_user(const std::string& id) override { return user(find_user_, id); }
  std::optional<user_row> find_user_by_login(const std::string& email_or_username) override;
  std::optional<credential_row> find_api_key(const std::string& hash) override { return credentials_.key(hash); }
  std::optional<credential_row> find_session(const std::string& id) override { return credentials_.session(id); }
  std::optional<node_key_row> find_node_key(const std::string& key_id) override;
  std::vector<node_row> list_nodes() override;
  std::vector<balance_row> balances(const std::string& owner) override;
  std::vector<transaction_row> transactions(const std::string& owner, int32_t limit, int32_t offset,
                                            const std::string& job_id) override;
  int64_t count_transactions(const std::string& owner) override;
  book_reader& books() override { return *books_; }
  node_reader& nodes() override { return *nodes_; }
  waiting_reader& waiting() override { return *waiting_; }
  log_reader& logs() override { return *logs_; }
  identity_reader& identity() override { return *identity_; }
  people_reader& people() override { return *people_; }
  audit_reader& audit() override { return *audit_; }

private:
  /// How far back the history of an account was read.
  struct account_end {
    int64_t account = 0, newest = 0;
  };
  static std::optional<user_row> user(statement&, const std::string& by);
  int64_t step_back(std::vector<account_end>&);
  std::vector<int64_t> stretch_after(const std::string& user_id, int64_t after, int64_t newest);
  std::vector<transaction_row> job_transactions(const std::string& owner, const std::string& job_id);

  std::unique_ptr<connection> line_;
  connection& db_ = *line_;
  std::unique_ptr<book_reader> books_ = open_books(db_);
  std::unique_ptr<node_reader> nodes_ = open_node_reader(db_);
  std::unique_ptr<waiting_reader> waiting_ = open_waiting(db_);
  std::unique_ptr<log_reader> logs_ = open_logs(db_);
  std::unique_ptr<identity_reader> identity_ = open_identity(db_);
  std::unique_ptr<people_reader> people_ = open_people(db_);
  std::unique_ptr<audit_reader> audit_ = open_audit(db_);
  statement find_job_{db_, job_and_spec + " FROM jobs JOIN job_specs ON job_id=id WHERE id=?"};
  statement find_result_{db_, "SELECT " + report_columns + " FROM results WHERE job_id=? AND epoch=?"};
  statement list_all_{db_, job_and_spec +
                               " FROM jobs <<lite:INDEXED BY jobs_user>> JOIN job_specs ON job_id=id"
                               " WHERE user_id=? AND id<? ORDER BY id DESC LIMIT ?"};
  statement list_ended_{db_, job_and_spec +
                                 " FROM jobs <<lite:INDEXED BY jobs_ended>> JOIN job_specs ON job_id=id"
                                 " WHERE ended>1 AND user_id=? AND ended=? AND id<?"
                                 " ORDER BY id DESC LIMIT ?"};
  statement list_completed_{db_, job_and_spec +
                                     " FROM jobs <<lite:INDEXED BY jobs_user>> JOIN job_specs ON job_id=id"
                                     " WHERE user_id=? AND id<? AND ended=1 ORDER BY id DESC LIMIT ?"};
  statement list_live_{db_, job_and_spec +
                                " FROM jobs <<lite:INDEXED BY jobs_live>> JOIN job_specs ON job_id=id"
                                " WHERE ended=0 AND user_id=? AND id<? AND (CAST(? AS BIGINT) & (CAST(1 AS BIGINT) << "
                                "CAST(state AS INTEGER))) <> 0"
                                " ORDER BY id DESC LIMIT ?"};
  statement live_jobs_{db_, "SELECT id,user_id,state,priority,lease_epoch,created_ms,run_at_ms,node_id," +
                                demand_columns +
                                ",devices FROM jobs <<lite:INDEXED BY jobs_live>> JOIN job_specs ON job_id=id"
                                " WHERE ended=0 AND id>? AND (CAST(? AS BIGINT) & (CAST(1 AS BIGINT) << CAST(state AS "
                                "INTEGER))) <> 0 ORDER BY id LIMIT ?"};
  statement granted_jobs_{db_, "SELECT id,user_id,state,priority,lease_epoch,created_ms,run_at_ms,node_id," +
                                   demand_columns +
                                   ",devices FROM jobs <<lite:INDEXED BY jobs_granted>> JOIN job_specs ON job_id=id"
                                   " WHERE node_id=? AND ended=0 AND state IN (3, 4, 7) ORDER BY id"};
  statement find_once_{db_, "SELECT scope,key,request_hash,status,body FROM idempotency WHERE scope=? AND key=?"};
  statement newest_event_{db_, "SELECT newest FROM event_ends WHERE user_id=?"};
  statement next_mark_{db_, "SELECT seq FROM event_marks WHERE user_id=? AND seq>? ORDER BY seq LIMIT 1"};
  statement event_before_{db_, "SELECT user_before FROM events WHERE seq=?"};
  statement event_{db_, "SELECT " + event_columns + " FROM events WHERE seq=?"};
  statement job_events_{db_, "SELECT " + event_columns +
                                 " FROM events <<lite:INDEXED BY events_job>> WHERE job_id<>''"
                                 " AND job_id=? AND seq>? AND user_id=? ORDER BY seq LIMIT ?"};
  statement user_events_{db_,
                         "SELECT " + event_columns + " FROM events WHERE user_id=? AND seq>? ORDER BY seq LIMIT ?"};
  statement last_event_{db_, "SELECT coalesce(max(seq), 0) FROM events"};
  statement find_user_{db_, "SELECT " + user_columns + " FROM users WHERE id=?"};
  statement find_email_{db_, "SELECT " + user_columns + " FROM users WHERE email=? AND email<>''"};
  statement find_name_{db_, "SELECT " + user_columns + " FROM users WHERE username=? AND username<>''"};
  credential_lookup credentials_{db_};
  statement find_node_key_{db_, "SELECT " + node_key_columns + " FROM node_keys WHERE key_id=?"};
  statement list_nodes_{db_, "SELECT " + node_columns + " FROM nodes WHERE state<>'removed' ORDER BY id"};
  statement balances_{db_, "SELECT owner,kind,asset,balance,held FROM accounts WHERE owner=? ORDER BY kind,asset"};
  statement accounts_{db_, "SELECT id,newest FROM accounts WHERE owner=?"};
  statement before_{db_, "SELECT debit,debit_before,credit_before FROM journal WHERE seq=?"};
  statement transaction_{db_, journal_rows + " WHERE j.seq=?"};
  statement journal_page_{db_, journal_rows +
                                   " WHERE j.debit IN (SELECT id FROM accounts WHERE owner=?)"
                                   " OR j.credit IN (SELECT id FROM accounts WHERE owner=?)"
                                   " ORDER BY j.seq DESC LIMIT ? OFFSET ?"};
  statement find_hold_id_{db_, "SELECT hold_id FROM jobs WHERE id=? AND hold_id<>''"};
  statement hold_rows_{db_, journal_rows +
                                " WHERE j.id>? AND j.id<? AND j.hold_id=? AND ? IN (d.owner,c.owner)"
                                " ORDER BY j.seq DESC"};
  statement count_{db_, "SELECT CAST(coalesce(sum(entries), 0) AS BIGINT) FROM accounts WHERE owner=?"};
};

std::optional<job_view> reader::find_job(const std::string& id) {
  job_view x;
  if (!find_job_.first([&](row& r) { r(x.row, x.spec); }, id)) return {};
  if (!is_terminal(x.row.state)) return x;  // the result comes in the transaction of the end
  run_report report;
  if (find_result_.first([&](row& r) { r(report); }, id, x.row.lease_epoch)) x.result = std::move(report);
  return x;
}

std::vector<job_view> reader::list_jobs(const job_filter& f) {
  std::vector<job_view> list;
  auto take = [&](row& r) {
    job_view x;
    r(x.row, x.spec);
    list.push_back(std::move(x));
  };
  auto limit = std::max(0, f.limit);  // SQLite reads a negative one as "no limit"
  auto below = f.before_id.empty() ? after_all : std::string_view{f.before_id};
  auto states = wanted_states(f);
  std::vector<job_state> live;
  if (!f.status && !f.state) list_all_.each(take, f.user_id, below, limit);
  for (auto state : states) {
    if (!is_terminal(state))
      live.push_back(state);
    else if (state == job_state::succeeded)  // being most, these are not in that index
      list_completed_.each(take, f.user_id, below, limit);
    else
      list_ended_.each(take, f.user_id, ended_word(state), below, limit);
  }
  if (!live.empty()) list_live_.each(take, f.user_id, below, bits(live), limit);
  std::sort(list.begin(), list.end(), [](const auto& a, const auto& b) { return a.row.id > b.row.id; });
  if (std::ssize(list) > limit) list.resize(static_cast<size_t>(limit));
  return list;
}

std::vector<job_brief> reader::granted_jobs(const std::string& node_id) {
  std::vector<job_brief> list;
  auto take = [&](row& r) {
    auto& x = list.emplace_back();
    r(x.id, x.user_id, x.state, x.priority, x.lease_epoch, x.created_ms, x.run_at_ms, x.node_id, x.needs, x.devices);
  };
  granted_jobs_.each(take, node_id);
  return list;
}

std::vector<job_brief> reader::live_jobs(const std::vector<job_state>& states, const std::string& after_id,
                                         int32_t limit) {
  std::vector<job_brief> list;
  auto take = [&](row& r) {
    job_brief x;
    r(x);
    list.push_back(std::move(x));
  };
  live_jobs_.each(take, after_id, bits(states), std::max(0, limit));
  return list;
}

std::optional<idempotency_row> reader::find_idempotent(const std::string& scope, const std::string& key) {
  idempotency_row x;
  auto take = [&](row& r) { r(x.scope, x.key, x.request_hash, x.status, x.body); };
  if (!find_once_.first(take, scope, key)) return {};
  return x;
}

std::vector<event_row> reader::events_after(const std::string& user_id, const std::string& job_id, int64_t after,
                                            int32_t limit) {
  std::vector<event_row> list;
  auto take = [&](row& r) { r(list.emplace_back()); };
  if (!job_id.empty()) {
    job_events_.each(take, job_id, after, user_id, std::max(0, limit));
    return list;
  }
  if (db_.kind() == engine::postgres) {  // each step of the walk would be a round trip: it has an index instead
    user_events_.each(take, user_id, after, std::max(0, limit));
    return list;
  }
  int64_t newest = 0;
  newest_event_.first([&](row& r) { r(newest); }, user_id);
  while (after < newest && std::ssize(list) < limit) {
    for (auto seq : stretch_after(user_id, after, newest)) {
      if (std::ssize(list) == limit) break;
      event_.first(take, seq);
      after = seq;
    }
  }
  return list;
}

/// The user's events after that one, up to the next mark or else the newest; at least one, for there is a newer one.
std::vector<int64_t> reader::stretch_after(const std::string& user_id, int64_t after, int64_t newest) {
  auto seq = newest;
  next_mark_.first([&](row& r) { r(seq); }, user_id, after);
  std::vector<int64_t> list;
  while (seq > after) {
    list.push_back(seq);
    if (!event_before_.first([&](row& r) { r(seq); }, seq)) throw store_unavailable{"the database has lost events"};
  }
  std::reverse(list.begin(), list.end());
  return list;
}

int64_t reader::last_event() {
  int64_t seq = 0;
  last_event_.first([&](row& r) { r(seq); });
  return seq;
}

std::optional<user_row> reader::user(statement& find, const std::string& by) {
  user_row x;
  if (!find.first([&](row& r) { r(x); }, by)) return {};
  return x;
}

std::optional<user_row> reader::find_user_by_login(const std::string& email_or_username) {
  auto login = lower_case(email_or_username);
  auto found = user(find_email_, login);
  return found ? found : user(find_name_, login);
}

std::optional<node_key_row> reader::find_node_key(const std::string& key_id) {
  node_key_row x;
  if (!find_node_key_.first([&](row& r) { r(x); }, key_id)) return {};
  return x;
}

std::vector<node_row> reader::list_nodes() {
  std::vector<node_row> list;
  list_nodes_.each([&](row& r) { r(list.emplace_back()); });
  return list;
}

std::vector<balance_row> reader::balances(const std::string& owner) {
  std::vector<balance_row> list;
  auto take = [&](row& r) {
    auto& x = list.emplace_back();
    r(x.account, x.balance, x.held);
  };
  balances_.each(take, owner);
  return list;
}

/// The histories of the owner's accounts, merged: the cost grows with the offset, not with the history.
std::vector<transaction_row> reader::transactions(const std::string& owner, int32_t limit, int32_t offset,
                                                  const std::string& job_id) {
  std::vector<transaction_row> list;
  if (limit <= 0 || offset < 0) return list;
  if (!job_id.empty()) {
    list = job_transactions(owner, job_id);
    list.erase(list.begin(), list.begin() + std::min<ptrdiff_t>(offset, std::ssize(list)));
    if (std::ssize(list) > limit) list.resize(static_cast<size_t>(limit));
    return list;
  }
  if (db_.kind() == engine::postgres) {
    journal_page_.each([&](row& r) { read(r, list.emplace_back()); }, owner, owner, limit, offset);
    return list;
  }
  std::vector<account_end> ends;
  auto take = [&](row& r) {
    auto& e = ends.emplace_back();
    r(e.account, e.newest);
  };
  accounts_.each(take, owner);
  while (std::ssize(list) < limit) {
    auto seq = step_back(ends);
    if (seq == 0) break;
    if (offset > 0)
      --offset;
    else
      transaction_.first([&](row& r) { read(r, list.emplace_back()); }, seq);
  }
  return list;
}

/// The newest row of all, and the ends moved to the rows before it; 0: there is none.
int64_t reader::step_back(std::vector<account_end>& ends) {
  int64_t seq = 0;
  for (const auto& e : ends) seq = std::max(seq, e.newest);
  if (seq == 0) return 0;
  int64_t debit = 0, debit_before = 0, credit_before = 0;
  auto read = [&](row& r) { r(debit, debit_before, credit_before); };
  if (!before_.first(read, seq)) throw store_unavailable{"the database has lost journal rows"};
  for (auto& e : ends)  // a row may be of two of them
    if (e.newest == seq) e.newest = e.account == debit ? debit_before : credit_before;
  return seq;
}

/// A job's rows have the ids of its hold, so they need no index of their own.
std::vector<transaction_row> reader::job_transactions(const std::string& owner, const std::string& job_id) {
  std::vector<transaction_row> list;
  std::string hold;
  if (!find_hold_id_.first([&](row& r) { r(hold); }, job_id)) return list;
  for (; !hold.empty(); hold = hold_before(hold))
    hold_rows_.each([&](row& r) { read(r, list.emplace_back()); }, hold + "/", hold + "0", hold, owner);
  return list;
}

int64_t reader::count_transactions(const std::string& owner) {
  int64_t n = 0;
  count_.first([&](row& r) { r(n); }, owner);
  return n;
}

}  // namespace

std::unique_ptr<store_reader> open_reader(std::unique_ptr<connection> line) {
  return std::make_unique<reader>(std::move(line));
}

}  // namespace troupe::sql
