// Counted backwards from what the account holds now, so that the oldest line must meet the opening balance.
#include "http/statement.hpp"

#include <algorithm>
#include <cstdlib>

#include "config/world.hpp"
#include "http/csv.hpp"
#include "http/wallet_id.hpp"

namespace troupe {

namespace {

/// What the movement did to the balance: a hold and its release do nothing to it.
amount change_by(const transaction_row& t, const account_key& account) {
  if (t.debit == t.credit) return 0;
  if (t.debit == account) return -t.value;
  return t.credit == account ? t.value : 0;
}

}  // namespace

statement make_statement(store_reader& db, const account_key& account, time_ms from, time_ms to) {
  statement s{account, from, to};
  int64_t scanned = 0;
  std::vector<statement_line> later;  // than `to`
  auto take = [&](const transaction_row& t) {
    if (t.at_ms < from) return false;
    if (++scanned > scanned_rows_max) return s.complete = false;
    auto change = change_by(t, account);
    if (change != 0) (t.at_ms < to ? s.lines : later).push_back({t, change, 0});
    return true;
  };
  for (auto& b : db.books().walk_transactions(account.owner, take))
    if (b.account == account) s.closing = b.balance;
  for (auto& x : later) s.closing -= x.change;
  s.opening = s.closing;
  for (auto& x : s.lines) {
    x.balance = s.opening;
    s.opening -= x.change;
  }
  std::reverse(s.lines.begin(), s.lines.end());
  return s;
}

json statement_json(const statement& s, time_ms now_ms) {
  auto rows = json::array();
  for (auto& x : s.lines)
    rows.push_back({{"id", x.row.id},
                    {"created_at", time_json(x.row.at_ms)},
                    {"type", to_string(x.row.code)},
                    {"amount", format_amount(x.change)},
                    {"balance", format_amount(x.balance)},
                    {"job_id", x.row.job_id.empty() ? json(nullptr) : json(x.row.job_id)},
                    {"description", x.row.note}});
  return {{"wallet_id", wallet_id_of(s.account.owner)},
          {"currency", to_string(s.account.currency)},
          {"from", time_json(s.from)},
          {"to", time_json(std::min(s.to, now_ms))},
          {"opening_balance", format_amount(s.opening)},
          {"transactions", std::move(rows)},
          {"closing_balance", format_amount(s.closing)}};
}

http_reply statement_csv(const statement& s) {
  std::string out = csv_line({"created_at", "id", "type", "in", "out", "balance", "currency", "job_id", "description"});
  std::string currency{to_string(s.account.currency)};
  auto edge = [&](const char* what, amount balance) {
    out += csv_line({"", "", what, "", "", format_amount(balance), currency, "", ""});
  };
  edge("opening", s.opening);
  for (auto& x : s.lines) {
    auto moved = format_amount(std::abs(x.change));
    auto came = x.change > 0;
    out += csv_line({iso_time(x.row.at_ms), x.row.id, std::string{to_string(x.row.code)}, came ? moved : "",
                     came ? "" : moved, format_amount(x.balance), currency, x.row.job_id, x.row.note});
  }
  edge("closing", s.closing);
  return csv_reply("statement.csv", std::move(out));
}

}  // namespace troupe
