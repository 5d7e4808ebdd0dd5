// A group of commits often ends many jobs of one user on one day: they are added up before they are written.
#include "persistence/usage_book.hpp"

#include <algorithm>

#include "persistence/columns.hpp"

namespace troupe::sql {

namespace {

/// "table.column + excluded.column", but a sum beyond int64 stays at the most there is, for good.
std::string sum_of(const std::string& table, const std::string& column) {
  auto most = std::to_string(sum_beyond);
  auto old = table + "." + column;
  auto more = "excluded." + column;
  return column + "=CASE WHEN " + old + "=" + most + " THEN " + most + " WHEN " + more + "<=0 THEN " + old + "+" +
         more + " WHEN " + old + ">" + most + "-" + more + " THEN " + most + " ELSE " + old + "+" + more + " END";
}

}  // namespace

usage_book::usage_book(connection& db)
    : any_row_{db, "SELECT 1 FROM journal WHERE id=?"},
      find_row_{db,
                "SELECT j.code,j.amount,a.owner,a.kind,a.asset"
                " FROM journal j JOIN accounts a ON a.id=j.credit WHERE j.id=?"},
      add_usage_{db, "INSERT INTO usage_days(" + usage_columns + ") VALUES(" + marks(12) +
                         ") ON CONFLICT(user_id,day,key_id,model,kind,asset) DO UPDATE SET"
                         " requests=usage_days.requests+excluded.requests, failed=usage_days.failed+excluded.failed,"
                         " tokens_in=usage_days.tokens_in+excluded.tokens_in,"
                         " tokens_out=usage_days.tokens_out+excluded.tokens_out,"
                         " ran_ms=usage_days.ran_ms+excluded.ran_ms, " +
                         sum_of("usage_days", "cost")},
      add_purchase_{db,
                    "INSERT INTO purchases(owner,asset,total) VALUES(?,?,?)"
                    " ON CONFLICT(owner,asset) DO UPDATE SET " +
                        sum_of("purchases", "total")} {}

bool usage_book::is_posted(const std::string& row_id) {
  auto same = [&](const purchase& x) { return x.row_id == row_id; };
  return std::any_of(found_.begin(), found_.end(), same) || purchases_.contains(row_id) || any_row_.any(row_id);
}

/// The same transfer again posts nothing, so it is no purchase either.
void usage_book::look_at(const transfer& t) {
  if (!is_purchase(t.code) || t.credit.kind != account_kind::available || is_posted(t.id)) return;
  found_.push_back({t.id, t.credit.owner, t.credit.currency, t.value});
}

/// A purchase that is undone was none.
void usage_book::look_at(const correction& c) {
  purchase undone;
  undone.row_id = c.transfer_id + "/correction";
  if (is_posted(undone.row_id)) return;
  if (auto young = purchases_.find(c.transfer_id); young != purchases_.end()) {
    undone.owner = young->second.owner;
    undone.currency = young->second.currency;
    undone.value = -young->second.value;
  } else {
    auto code = transfer_code::hold;
    account_key to;
    auto found = find_row_.first([&](row& r) { r(code, undone.value, to); }, c.transfer_id);
    if (!found || !is_purchase(code) || to.kind != account_kind::available) return;
    undone.owner = to.owner;
    undone.currency = to.currency;
    undone.value = -undone.value;
  }
  found_.push_back(std::move(undone));
}

void usage_book::look_at(const change& c) {
  found_.clear();
  for (const auto& t : c.transfers) look_at(t);
  if (c.corrects) look_at(*c.corrects);
}

void usage_book::write(const change& c) {
  for (auto& x : found_) purchases_.emplace(x.row_id, std::move(x));
  found_.clear();
  if (!c.usage) return;
  const auto& u = *c.usage;
  auto [at, is_new] = days_.try_emplace({u.user_id, u.day, u.key_id, u.model, u.kind, u.currency}, u);
  if (is_new) return;
  auto& sum = at->second;
  sum.requests += u.requests;
  sum.failed += u.failed;
  sum.tokens_in += u.tokens_in;
  sum.tokens_out += u.tokens_out;
  sum.ran_ms += u.ran_ms;
  sum.cost = checked_add(sum.cost, u.cost).value_or(sum_beyond);
}

void usage_book::flush() {
  for (const auto& [place, sum] : days_) add_usage_.run(sum);
  for (const auto& [id, x] : purchases_) add_purchase_.run(x.owner, x.currency, x.value);
  days_.clear();
  purchases_.clear();
}

}  // namespace troupe::sql
