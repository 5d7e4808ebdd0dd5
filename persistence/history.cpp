// Each row leads to the one before of its two accounts, so an owner's history is a merge of his accounts' chains.
#include "persistence/history.hpp"

#include <algorithm>

#include "persistence/columns.hpp"

namespace troupe::sql {

namespace {

const std::string columns =
    "SELECT j.seq,j.id,j.code,d.owner,d.kind,d.asset,c.owner,c.kind,c.asset,j.amount,j.job_id,j.hold_id,j.note,j.at_ms";
const std::string tables = " FROM journal j JOIN accounts d ON d.id=j.debit JOIN accounts c ON c.id=j.credit";

void read(row& r, transaction_row& t) {
  r(t.seq, t.id, t.code, t.debit, t.credit, t.value, t.job_id, t.hold_id, t.note, t.at_ms);
}

/// How far back the chain of an account was read.
struct chain {
  int64_t account = 0, newest = 0;
};

}  // namespace

history::history(connection& db)
    : accounts_{db, "SELECT id,newest,owner,kind,asset,balance,held FROM accounts WHERE owner=? ORDER BY kind,asset"},
      row_{db, columns + ",j.debit,j.debit_before,j.credit_before" + tables + " WHERE j.seq=?"},
      by_id_{db, columns + tables + " WHERE j.id=?"} {}

std::optional<transaction_row> history::find(const std::string& id) {
  transaction_row t;
  if (!by_id_.first([&](row& r) { read(r, t); }, id)) return {};
  return t;
}

std::vector<balance_row> history::walk(const std::string& owner,
                                       const std::function<bool(const transaction_row&)>& take) {
  std::vector<balance_row> balances;
  std::vector<chain> chains;
  accounts_.each(
      [&](row& r) {
        auto& c = chains.emplace_back();
        auto& b = balances.emplace_back();
        r(c.account, c.newest, b.account, b.balance, b.held);
      },
      owner);
  for (;;) {
    int64_t seq = 0, debit = 0, debit_before = 0, credit_before = 0;
    for (const auto& c : chains) seq = std::max(seq, c.newest);
    if (seq == 0) return balances;
    transaction_row t;
    auto get = [&](row& r) {
      read(r, t);
      r(debit, debit_before, credit_before);
    };
    if (!row_.first(get, seq)) throw store_unavailable{"the database has lost journal rows"};
    for (auto& c : chains)  // a row may be of two of them
      if (c.newest == seq) c.newest = c.account == debit ? debit_before : credit_before;
    if (!take(t)) return balances;
  }
}

}  // namespace troupe::sql
