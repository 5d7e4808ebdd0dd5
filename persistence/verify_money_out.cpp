// Withdrawals against their holds: reserved and held, cancelled and released, approved and captured, or a breach.
#include <map>

#include "persistence/breaches.hpp"
#include "persistence/columns.hpp"

namespace troupe::sql {

namespace {

constexpr int hold_open_state = 1;

struct withdrawal_line {
  withdrawal_row row;
  account_key account;  // that the hold is in
  std::string job_id;   // that the hold names
  amount held = 0, captured = 0, released = 0;
  int state = 0;  // of the hold; 0: there is none
};

void look_at(audit& a, const withdrawal_line& x) {
  const auto& w = x.row;
  auto about = "withdrawal " + w.id + ": ";
  if (x.state == 0) return a.breach(about + "there is no hold " + w.hold_id);
  if (x.job_id != w.id) a.breach(about + "its hold is of something else");
  if (!(x.account == account_key{w.user_id, w.source, w.currency})) a.breach(about + "its hold is in another account");
  auto whole = wide{w.value} + w.fee;
  if (x.held != whole) a.breach(about + "its amount and fee are not what is held");
  auto waits = w.state == withdrawal_state::reserved;
  if (waits != (x.state == hold_open_state))
    a.breach(about + (waits ? "it is reserved and its hold is closed" : "it has ended and its hold is open"));
  auto cancelled = w.state == withdrawal_state::cancelled;
  if (!waits && (cancelled ? x.captured != 0 : x.captured != whole))
    a.breach(about + (cancelled ? "it is cancelled and something was captured" : "not all of it was captured"));
}

}  // namespace

void audit_withdrawals(audit& a) {
  std::map<asset, wide> on_the_way;
  auto take = [&](row& r) {
    withdrawal_line x;
    r(x.row, x.account, x.job_id, x.held, x.captured, x.released, x.state);
    look_at(a, x);
    if (x.row.state == withdrawal_state::approved) on_the_way[x.row.currency] += x.row.value;
  };
  statement{a.db,
            "SELECT w.id,w.user_id,w.hold_id,w.to_address,w.source,w.asset,w.amount,w.fee,w.state,w.created_ms,"
            "w.expires_ms,w.changed_ms,w.note,coalesce(c.owner,''),coalesce(c.kind,0),coalesce(c.asset,0),"
            "coalesce(h.job_id,''),coalesce(h.amount,0),coalesce(h.captured,0),coalesce(h.released,0),"
            "coalesce(h.state,0) FROM withdrawals w LEFT JOIN holds h ON h.id=w.hold_id"
            " LEFT JOIN accounts c ON c.id=h.account"}
      .each(take);
  for (const auto& [id, x] : a.accounts) {
    if (x.key.kind != account_kind::in_transit) continue;
    if (x.balance != on_the_way[x.key.currency])
      a.breach("what is in transit of " + std::string{to_string(x.key.currency)} + " is not what was approved");
    on_the_way.erase(x.key.currency);
  }
  for (const auto& [currency, value] : on_the_way)
    if (value != 0)
      a.breach("nothing is in transit of " + std::string{to_string(currency)} + ", but some was approved");
  statement{a.db,
            "SELECT h.id FROM holds h LEFT JOIN withdrawals w ON w.id=h.job_id"
            " WHERE substr(h.job_id,1,4)='wdr_' AND w.id IS NULL"}
      .each([&](row& r) {
        std::string id;
        r(id);
        a.breach("hold " + id + ": there is no such withdrawal");
      });
}

}  // namespace troupe::sql
