// The sums of days against the holds: what the usage pages say was spent is what was captured, to the last unit.
#include <map>
#include <set>

#include "persistence/breaches.hpp"
#include "persistence/columns.hpp"
#include "persistence/usage_book.hpp"

namespace troupe::sql {

namespace {

using owner_asset = std::pair<std::string, asset>;
using sums = std::map<owner_asset, wide>;
using names = std::set<owner_asset>;

/// `beyond`: those that went beyond what can be counted.
void add_up(audit& a, const std::string& sql, sums& to, names& beyond) {
  statement all{a.db, sql};
  all.each([&](row& r) {
    std::string owner;
    auto currency = asset::credit;
    amount value = 0;
    r(owner, currency, value);
    to[{owner, currency}] += value;
    if (value == sum_beyond) beyond.emplace(owner, currency);
  });
}

void compare(audit& a, const std::string& what, const sums& kept, const sums& due, const names& beyond) {
  auto value = [](const sums& all, const auto& key) {
    auto found = all.find(key);
    return found == all.end() ? wide{0} : found->second;
  };
  auto differ = [&](const auto& key) {
    if (beyond.contains(key)) return;
    a.breach(what + " of " + key.first + " in " + std::string{to_string(key.second)} +
             " do not add up to what the ledger says");
  };
  for (const auto& [key, sum] : kept)
    if (sum != value(due, key)) differ(key);
  for (const auto& [key, sum] : due)
    if (!kept.contains(key) && sum != 0) differ(key);
}

void audit_days(audit& a) {
  sums kept, due;
  names beyond;
  add_up(a, "SELECT user_id,asset,cost FROM usage_days", kept, beyond);
  auto take = [&](row& r) {
    std::string id, owner;
    auto currency = asset::credit;
    amount value = 0;
    r(id, owner, currency, value);
    due[{owner, currency}] += value;
    return id;
  };
  each_row(a.db,
           "SELECT h.id,j.user_id,j.currency,h.captured FROM holds h JOIN jobs j ON j.id=h.job_id"
           " WHERE h.state=2 AND h.id>? ORDER BY h.id LIMIT ?",
           std::string{}, take);
  each_row(a.db,
           "SELECT r.id,r.user_id,r.asset,h.captured FROM rentals r JOIN holds h ON h.id=r.hold_id"
           " WHERE r.state<>0 AND r.id>? ORDER BY r.id LIMIT ?",
           std::string{}, take);
  compare(a, "the usage days", kept, due, beyond);
}

/// What was posted by the codes of a purchase, less what was undone.
void audit_purchases(audit& a) {
  sums kept, due;
  names beyond;
  add_up(a, "SELECT owner,asset,total FROM purchases", kept, beyond);
  std::vector<std::string> undone;
  auto count = [&](transfer_code code, int64_t account, amount value, int sign) {
    auto to = a.accounts.find(account);
    if (to == a.accounts.end() || !is_purchase(code) || to->second.key.kind != account_kind::available) return;
    due[{to->second.key.owner, to->second.key.currency}] += wide{value} * sign;
  };
  auto take = [&](row& r) {
    int64_t seq = 0, account = 0;
    std::string id;
    auto code = transfer_code::hold;
    amount value = 0;
    r(seq, id, code, account, value);
    if (code == transfer_code::correction) undone.push_back(id.substr(0, id.rfind("/correction")));
    count(code, account, value, 1);
    return seq;
  };
  each_row(a.db, "SELECT seq,id,code,credit,amount FROM journal WHERE seq>? ORDER BY seq LIMIT ?", int64_t{0}, take);
  statement find{a.db, "SELECT code,credit,amount FROM journal WHERE id=?"};
  for (const auto& id : undone) {
    int64_t account = 0;
    auto code = transfer_code::hold;
    amount value = 0;
    if (find.first([&](row& r) { r(code, account, value); }, id)) count(code, account, value, -1);
  }
  compare(a, "the purchases", kept, due, beyond);
}

void audit_rental(audit& a, const rental& r, statement& find_hold) {
  auto about = "session " + r.id + ": ";
  std::string named;
  amount value = 0, captured = 0;
  int state = 0;
  int32_t steps = 0;
  if (!find_hold.first([&](row& x) { x(named, value, captured, state, steps); }, r.hold_id)) {
    a.breach(about + "there is no hold " + r.hold_id);
    return;
  }
  if (named != r.id) a.breach(about + "its hold is of something else");
  if (value != r.hold) a.breach(about + "its hold is not the amount of the hold");
  if (captured != r.charged) a.breach(about + "its charge is not what was captured");
  if (steps != r.steps) a.breach(about + "its steps are not those of the hold");
  auto active = r.state == rental_state::active;
  if (active != (state == 1))
    a.breach(about + (active ? "it lives and its hold is closed" : "it ended, its hold is open"));
  if (r.fee < 0 || r.fee > r.charged) a.breach(about + "its fee does not fit its charge");
}

}  // namespace

void audit_usage(audit& a) {
  audit_days(a);
  audit_purchases(a);
  statement find_hold{a.db, "SELECT job_id,amount,captured,state,steps FROM holds WHERE id=?"};
  auto take = [&](row& x) {
    rental r;
    x(r);
    audit_rental(a, r, find_hold);
    return r.id;
  };
  each_row(a.db, "SELECT " + rental_columns + " FROM rentals WHERE id>? ORDER BY id LIMIT ?", std::string{}, take);
}

}  // namespace troupe::sql
