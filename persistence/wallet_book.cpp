// The rolling day is summed here, in the transaction that adds to it, so that no two requests can both be the last.
#include "persistence/wallet_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"

namespace troupe::sql {

wallet_book::wallet_book(connection& db)
    : any_wallet_{db, "SELECT 1 FROM wallets WHERE owner=?"},
      any_address_{db, "SELECT 1 FROM wallets WHERE solana_address=? AND solana_address<>''"},
      insert_wallet_{db, "INSERT INTO wallets(" + wallet_columns + ") VALUES(" + marks(4) + ")"},
      any_withdrawal_{db, "SELECT 1 FROM withdrawals WHERE id=?"},
      taken_{db,
             "SELECT CAST(coalesce(sum(amount+fee),0) AS BIGINT) FROM withdrawals"
             " WHERE user_id=? AND created_ms>? AND source=? AND asset=? AND state<>?"},
      insert_withdrawal_{db, "INSERT INTO withdrawals(" + withdrawal_columns + ") VALUES(" + marks(13) + ")"},
      find_withdrawal_{db, "SELECT " + withdrawal_columns + " FROM withdrawals WHERE id=?"},
      move_withdrawal_{db, "UPDATE withdrawals SET state=?, changed_ms=?, note=? WHERE id=? AND state=?"},
      put_limit_{db,
                 "INSERT INTO spend_limits(scope,period,asset,ceiling) VALUES(?,?,?,?)"
                 " ON CONFLICT(scope,period,asset) DO UPDATE SET ceiling=excluded.ceiling"},
      delete_limit_{db, "DELETE FROM spend_limits WHERE scope=? AND period=? AND asset=?"} {}

bool wallet_book::check(const change& c, change_result& r) {
  if (c.wallet && !check_wallet(*c.wallet, r)) return false;
  if (c.withdraws && !check_open(c, *c.withdraws, r)) return false;
  if (c.corrects && c.corrects->transfer_id.starts_with("hold_wdr_"))
    return refuse(r, errc::conflict, "that is on its way out: it cannot be taken back by a correction");
  return !c.withdrawal || check_move(c, *c.withdrawal, r);
}

bool wallet_book::check_wallet(const wallet_row& w, change_result& r) {
  if (any_wallet_.any(w.owner)) return refuse(r, errc::conflict, "there is a wallet already");
  if (any_address_.any(w.solana_address)) return refuse(r, errc::conflict, "that address is of another wallet");
  return true;
}

/// The row and its hold say the same, and the rolling day has room for it.
bool wallet_book::check_open(const change& c, const withdrawal_open& w, change_result& r) {
  const auto& x = w.row;
  auto whole = c.opens && c.opens->id == x.hold_id && c.opens->job_id == x.id && x.value > 0 && x.fee >= 0 &&
               c.opens->value == x.value + x.fee && c.opens->account == account_key{x.user_id, x.source, x.currency};
  if (!whole) return refuse(r, errc::invalid, "withdrawal " + x.id + " needs a hold of its own");
  if (any_withdrawal_.any(x.id)) return refuse(r, errc::conflict, "withdrawal " + x.id + " is already there");
  if (w.limit == 0) return true;
  amount taken = 0;
  taken_.first([&](row& at) { at(taken); }, x.user_id, w.since_ms, x.source, x.currency, withdrawal_state::cancelled);
  if (taken <= w.limit && c.opens->value <= w.limit - taken) return true;
  return refuse(r, errc::limit_exceeded,
                "at most " + format_amount(w.limit) + " within 24 hours, taken are " + format_amount(taken));
}

/// Its end and the end of its hold are one.
bool wallet_book::check_move(const change& c, const withdrawal_move& m, change_result& r) {
  withdrawal_row now;
  if (!find_withdrawal_.first([&](row& at) { at(now); }, m.id))
    return refuse(r, errc::not_found, "there is no withdrawal " + m.id);
  if (now.state != m.from)
    return refuse(r, errc::conflict, "the withdrawal is " + std::string{to_string(now.state)} + " already");
  if (m.to == withdrawal_state::approved && m.at_ms >= now.expires_ms)
    return refuse(r, errc::conflict, "the withdrawal has lapsed");
  auto ends = m.from == withdrawal_state::reserved;
  auto paid = m.to == withdrawal_state::approved ? now.value : 0;
  auto fee = m.to == withdrawal_state::approved ? now.fee : 0;
  auto whole = c.closes && c.closes->id == now.hold_id && c.closes->step == 0 && c.closes->paid.subtotal == paid &&
               c.closes->paid.fee == fee;
  return !ends || whole || refuse(r, errc::invalid, "withdrawal " + m.id + " cannot end without its hold");
}

void wallet_book::write(const change& c) {
  if (c.wallet) insert_wallet_.run(*c.wallet);
  if (c.withdraws) insert_withdrawal_.run(c.withdraws->row);
  if (c.withdrawal) {
    const auto& m = *c.withdrawal;
    if (move_withdrawal_.run(m.to, m.at_ms, m.note, m.id, m.from) != 1)
      throw store_unavailable{"withdrawal " + m.id + " was changed by somebody else"};
  }
  for (const auto& x : c.spend_limits) {
    if (x.limit > 0)
      put_limit_.run(x.scope, x.period, x.currency, x.limit);
    else
      delete_limit_.run(x.scope, x.period, x.currency);
  }
}

std::vector<event_row> warnings(const std::vector<balance_row>& poor, time_ms now_ms, change_result& r) {
  std::vector<event_row> list;
  for (const auto& x : poor) {
    auto& e = list.emplace_back();
    e.user_id = r.warned = x.account.owner;
    e.kind = "low_balance";
    e.value = x.balance - x.held;
    e.currency = x.account.currency;
    e.at_ms = now_ms;
  }
  return list;
}

}  // namespace troupe::sql
