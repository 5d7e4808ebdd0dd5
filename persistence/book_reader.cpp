// Each question is answered through an index. Days are summed when they are written, not when they are asked for.
#include "persistence/book_reader.hpp"

#include <algorithm>
#include <map>

#include "persistence/columns.hpp"
#include "persistence/history.hpp"

namespace troupe::sql {

namespace {

/// Above every id and every day: the end of an open range.
constexpr std::string_view after_all = "\x7f";

class books : public book_reader {
public:
  explicit books(connection& db) : db_{db} {}

  std::optional<wallet_row> find_wallet(const std::string& owner) override {
    return one<wallet_row>(find_wallet_, owner);
  }
  std::optional<withdrawal_row> find_withdrawal(const std::string& id) override {
    return one<withdrawal_row>(find_withdrawal_, id);
  }
  std::vector<withdrawal_row> list_withdrawals(const std::string& user_id, int32_t limit, int32_t offset) override {
    if (limit <= 0 || offset < 0) return {};
    return user_id.empty() ? all<withdrawal_row>(list_all_withdrawals_, limit, offset)
                           : all<withdrawal_row>(list_withdrawals_, user_id, limit, offset);
  }
  std::vector<withdrawal_row> lapsed_withdrawals(time_ms now_ms, int32_t limit) override {
    return all<withdrawal_row>(lapsed_, now_ms, limit);
  }
  std::optional<rental> find_rental(const std::string& id) override { return one<rental>(find_rental_, id); }
  std::vector<rental> list_rentals(const std::string& user_id, bool as_provider, const std::string& before_id,
                                   int32_t limit) override {
    auto below = before_id.empty() ? after_all : std::string_view{before_id};
    return all<rental>(as_provider ? earned_rentals_ : paid_rentals_, user_id, below, std::max(0, limit));
  }
  std::vector<rental> due_rentals(time_ms now_ms, int32_t limit) override {
    return all<rental>(due_rentals_, now_ms, limit);
  }
  std::vector<rental> active_rentals(const std::string& node_id) override {
    return all<rental>(active_rentals_, node_id);
  }
  std::vector<due_bucket> due_earnings(time_ms now_ms, int32_t limit) override {
    std::vector<due_bucket> list;
    auto take = [&](row& r) {
      auto& x = list.emplace_back();
      r(x.what.owner, x.what.currency, x.what.due_s, x.value);
    };
    due_earnings_.each(take, now_ms / 1000, limit);
    return list;
  }
  std::vector<usage_add> usage(const usage_filter& f) override {
    auto to = f.to_day.empty() ? after_all : std::string_view{f.to_day};
    return f.user_id.empty() ? all<usage_add>(all_usage_, f.from_day, to, f.key_id, f.key_id, f.model, f.model)
                             : all<usage_add>(usage_, f.user_id, f.from_day, to, f.key_id, f.key_id, f.model, f.model);
  }
  std::vector<usage_add> usage_sums(const usage_filter&, usage_by, int32_t limit) override;
  std::vector<credit_total> credit_totals(const std::string& user_id) override;
  std::vector<spend_limit> spend_limits(const std::string& scope) override { return all<spend_limit>(limits_, scope); }
  amount committed(const std::string& scope, const std::string& period, asset currency) override {
    amount value = 0;
    committed_.first([&](row& r) { r(value); }, scope, period, currency);
    return value;
  }

  std::optional<transaction_row> find_transaction(const std::string& id) override { return history_.find(id); }
  std::vector<balance_row> walk_transactions(const std::string& owner,
                                             const std::function<bool(const transaction_row&)>& take) override {
    return history_.walk(owner, take);
  }
  amount withdrawn(const account_key& from) override {
    amount value = 0;
    withdrawn_.first([&](row& r) { r(value); }, from, withdrawal_state::approved, withdrawal_state::sent);
    return value;
  }
  int64_t paid_ms(const std::string& job_id) override {
    int64_t ms = 0;
    auto read = [&](row& r) { r(ms); };
    if (!job_ms_.first(read, job_id)) rental_ms_.first(read, job_id);
    return ms;
  }
  checkpoint_chunk find_checkpoint(const std::string& job_id, int64_t epoch, int32_t index) override {
    checkpoint_chunk x;
    auto take = [&](row& r) {
      blob bytes;
      r(x.count, bytes);
      x.bytes = bytes.bytes;
    };
    if (!checkpoint_.first(take, job_id, epoch, index, job_id, epoch)) return {};
    x.job_id = job_id;
    x.epoch = epoch;
    x.index = index;
    return x;
  }
  std::vector<std::string> spent_checkpoints(int32_t limit) override {
    std::vector<std::string> list;
    spent_checkpoints_.each([&](row& r) { r(list.emplace_back()); }, limit);
    return list;
  }
  int64_t waiting_jobs(const std::string& user_id) override {
    int64_t count = 0;
    waiting_.first([&](row& r) { r(count); }, user_id, user_id);
    return count;
  }

private:
  template <class Row, class... T>
  static std::optional<Row> one(statement& find, const T&... by) {
    Row x;
    if (!find.first([&](row& r) { r(x); }, by...)) return {};
    return x;
  }
  template <class Row, class... T>
  static std::vector<Row> all(statement& find, const T&... by) {
    std::vector<Row> list;
    find.each([&](row& r) { r(list.emplace_back()); }, by...);
    return list;
  }

  connection& db_;
  history history_{db_};
  // blocked, scheduled, queued, retry_wait
  statement waiting_{db_,
                     "SELECT count(*) FROM jobs <<lite:INDEXED BY jobs_live>>"
                     " WHERE ended=0 AND (CAST(? AS TEXT)='' OR user_id=?) AND state IN (0,1,2,6)"};
  statement withdrawn_{db_,
                       "SELECT CAST(coalesce(sum(amount+fee),0) AS BIGINT) FROM withdrawals"
                       " WHERE user_id=? AND source=? AND asset=? AND state IN (?,?)"};
  statement checkpoint_{db_,
                        "SELECT pieces,bytes FROM checkpoints WHERE job_id=? AND epoch=? AND piece=? AND pieces="
                        "(SELECT count(*) FROM checkpoints WHERE job_id=? AND epoch=?)"};
  statement spent_checkpoints_{db_,
                               "SELECT DISTINCT c.job_id FROM checkpoints c JOIN jobs j ON j.id=c.job_id"
                               " WHERE j.ended>0 LIMIT ?"};
  statement job_ms_{db_, "SELECT ran_ms FROM results WHERE job_id=? ORDER BY epoch DESC LIMIT 1"};
  statement rental_ms_{db_, "SELECT billed_ms-started_ms FROM rentals WHERE id=? AND billed_ms>started_ms"};
  statement find_wallet_{db_, "SELECT " + wallet_columns + " FROM wallets WHERE owner=?"};
  statement find_withdrawal_{db_, "SELECT " + withdrawal_columns + " FROM withdrawals WHERE id=?"};
  statement list_withdrawals_{db_, "SELECT " + withdrawal_columns +
                                       " FROM withdrawals WHERE user_id=? ORDER BY created_ms DESC, id DESC"
                                       " LIMIT ? OFFSET ?"};
  statement list_all_withdrawals_{
      db_, "SELECT " + withdrawal_columns + " FROM withdrawals ORDER BY created_ms DESC, id DESC LIMIT ? OFFSET ?"};
  statement lapsed_{db_, "SELECT " + withdrawal_columns +
                             " FROM withdrawals WHERE state=0 AND expires_ms<=? ORDER BY expires_ms LIMIT ?"};
  statement find_rental_{db_, "SELECT " + rental_columns + " FROM rentals WHERE id=?"};
  statement paid_rentals_{
      db_, "SELECT " + rental_columns + " FROM rentals WHERE user_id=? AND id<? ORDER BY id DESC LIMIT ?"};
  statement earned_rentals_{
      db_, "SELECT " + rental_columns + " FROM rentals WHERE provider_user=? AND id<? ORDER BY id DESC LIMIT ?"};
  statement due_rentals_{
      db_, "SELECT " + rental_columns + " FROM rentals WHERE state=0 AND due_ms<=? ORDER BY due_ms LIMIT ?"};
  statement active_rentals_{db_, "SELECT " + rental_columns + " FROM rentals WHERE node_id=? AND state=0 ORDER BY id"};
  statement purchased_{db_, "SELECT asset,total FROM purchases WHERE owner=? ORDER BY asset"};
  statement due_earnings_{db_, "SELECT owner,asset,due_s,amount FROM maturing WHERE due_s<=? ORDER BY due_s LIMIT ?"};
  statement usage_{db_, "SELECT " + usage_columns +
                            " FROM usage_days WHERE user_id=? AND day>=? AND day<=? AND (?='' OR key_id=?)"
                            " AND (?='' OR model=?) ORDER BY day,key_id,model,kind,asset"};
  statement all_usage_{db_, "SELECT " + usage_columns +
                                " FROM usage_days WHERE day>=? AND day<=? AND (?='' OR key_id=?)"
                                " AND (?='' OR model=?) ORDER BY day,user_id,key_id,model,kind,asset"};
  statement limits_{db_, "SELECT scope,period,asset,ceiling FROM spend_limits WHERE scope=? ORDER BY period,asset"};
  statement committed_{db_, "SELECT committed FROM spending WHERE scope=? AND period=? AND asset=?"};
};

/// Asked seldom and in many shapes, so it is prepared when it is asked. Money is added up in whole units and in the
/// rest: sums over years of many users' money may be more than int64 holds, and then tell the most it does.
std::vector<usage_add> books::usage_sums(const usage_filter& f, usage_by by, int32_t limit) {
  auto column = [&](usage_by x, const std::string& name) { return by == x ? name : "'' AS " + name; };
  auto sum = [](const std::string& what) { return "CAST(coalesce(sum(" + what + "),0) AS BIGINT)"; };
  const char* names[]{"asset", "asset,day", "asset,key_id", "asset,model", "asset,user_id"};
  auto group = std::string{names[static_cast<size_t>(by)]};
  auto whole = "cost/" + std::to_string(troupe::one);
  auto order = by == usage_by::day ? "day,asset"
                                   : "asset,sum(" + whole + ") DESC,sum(cost%" + std::to_string(troupe::one) +
                                         ") DESC,sum(requests) DESC," + group;
  statement sums{db_, "SELECT " + column(usage_by::user, "user_id") + "," + column(usage_by::day, "day") + "," +
                          column(usage_by::key, "key_id") + "," + column(usage_by::model, "model") + ",asset," +
                          sum("requests") + "," + sum("failed") + "," + sum("tokens_in") + "," + sum("tokens_out") +
                          "," + sum("ran_ms") + "," + sum(whole) + "," + sum("cost%" + std::to_string(troupe::one)) +
                          " FROM usage_days WHERE " + (f.user_id.empty() ? "?=''" : "user_id=?") +
                          " AND day>=? AND day<=? AND (?='' OR key_id=?) AND (?='' OR model=?) GROUP BY " + group +
                          " ORDER BY " + order + " LIMIT ?"};
  auto to = f.to_day.empty() ? after_all : std::string_view{f.to_day};
  std::vector<usage_add> list;
  auto take = [&](row& r) {
    auto& x = list.emplace_back();
    int64_t units = 0, rest = 0;
    r(x.user_id, x.day, x.key_id, x.model, x.currency, x.requests, x.failed, x.tokens_in, x.tokens_out, x.ran_ms, units,
      rest);
    auto money = mul_div_floor(units, troupe::one, 1);
    x.cost = (money ? checked_add(*money, rest) : money).value_or(INT64_MAX);
  };
  sums.each(take, f.user_id, f.from_day, to, f.key_id, f.key_id, f.model, f.model, std::max(0, limit));
  return list;
}

std::vector<credit_total> books::credit_totals(const std::string& user_id) {
  std::map<asset, credit_total> totals;
  purchased_.each(
      [&](row& r) {
        credit_total x;
        r(x.currency, x.purchased);
        totals[x.currency] = x;
      },
      user_id);
  for (const auto& x : usage_sums({user_id, {}, {}, {}, {}}, usage_by::all, INT16_MAX)) {
    totals[x.currency].currency = x.currency;
    totals[x.currency].consumed = x.cost;
  }
  std::vector<credit_total> list;
  for (const auto& [currency, x] : totals) list.push_back(x);
  return list;
}

}  // namespace

std::unique_ptr<book_reader> open_books(connection& db) { return std::make_unique<books>(db); }

}  // namespace troupe::sql
