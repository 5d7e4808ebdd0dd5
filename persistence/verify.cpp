// The money side: chain, accounts and holds against the journal.
#include "persistence/verify.hpp"

#include <charconv>
#include <limits>
#include <map>

#include "persistence/breaches.hpp"
#include "persistence/columns.hpp"

namespace troupe::sql {

namespace {

std::string name_of(const account_key& k) {
  return "account " + k.owner + "/" + std::string{to_string(k.kind)} + "/" + std::string{to_string(k.currency)};
}

std::string text_of(wide x) {
  constexpr wide most = std::numeric_limits<amount>::max();
  return x > most || x < -most ? "beyond int64" : format_amount(static_cast<amount>(x));
}

void load_accounts(audit& a) {
  statement all{a.db, "SELECT id,owner,kind,asset,balance,held,entries,newest FROM accounts"};
  all.each([&](row& r) {
    int64_t id = 0;
    audited_account x;
    r(id, x.key, x.balance, x.held, x.entries, x.newest);
    a.accounts.emplace(id, std::move(x));
  });
  a.found.accounts = std::ssize(a.accounts);
}

/// The rows of a hold touch `held`, a capture and a post move money.
void count_in(const journal_row& j, audited_account& debit, audited_account& credit) {
  debit.newest_due = credit.newest_due = j.seq;
  debit.entries_due += 1;
  if (debit.key.owner != credit.key.owner) credit.entries_due += 1;
  if (j.kind == journal_kind::hold) debit.held_due += j.value;
  if (j.kind == journal_kind::capture || j.kind == journal_kind::release) debit.held_due -= j.value;
  if (j.kind != journal_kind::capture && j.kind != journal_kind::post) return;
  debit.balance_due -= j.value;
  credit.balance_due += j.value;
}

/// The kind, the code and the accounts of a row must agree with each other.
bool well_formed(const journal_row& j) {
  if (j.value <= 0) return false;
  switch (j.kind) {
    case journal_kind::post: return !is_code_of_hold(j.code) && j.hold_id.empty() && j.debit != j.credit;
    case journal_kind::hold: return j.code == transfer_code::hold && j.debit == j.credit;
    case journal_kind::release: return j.code == transfer_code::release && j.debit == j.credit;
    case journal_kind::capture:
      return is_code_of_hold(j.code) && j.code != transfer_code::hold && j.code != transfer_code::release &&
             j.debit != j.credit;
  }
  return false;
}

/// "/3" at the end of a row's id: the step of its hold.
int32_t step_of(const journal_row& j) {
  auto slash = j.id.rfind('/');
  int32_t step = 0;
  if (slash != j.id.npos) std::from_chars(j.id.data() + slash + 1, j.id.data() + j.id.size(), step);
  return step;
}

void count_in(const journal_row& j, audited_hold& h) {
  auto first = h.account == 0;
  if (first) h.account = j.debit;
  if (first) h.job_id = j.job_id;
  h.mixed = h.mixed || h.account != j.debit || h.job_id != j.job_id;
  if (j.kind == journal_kind::hold) h.taken += j.value;
  if (j.kind == journal_kind::release) h.released += j.value;
  if (j.kind == journal_kind::capture) (j.code == transfer_code::platform_fee ? h.fee : h.provider) += j.value;
}

class journal_audit {
public:
  explicit journal_audit(audit& a) : a_{a} {}

  void look_at(journal_row& j, std::string_view hash) {
    auto about = "journal row " + std::to_string(j.seq);
    a_.found.journal_rows += 1;
    if (j.seq != last_seq_ + 1) a_.breach(about + ": it follows row " + std::to_string(last_seq_));
    last_seq_ = j.seq;
    auto debit = a_.accounts.find(j.debit);
    auto credit = a_.accounts.find(j.credit);
    auto known = debit != a_.accounts.end() && credit != a_.accounts.end();
    if (known) {
      name(j, debit->second.key, credit->second.key);
      if (j.debit_before != debit->second.newest_due || j.credit_before != credit->second.newest_due)
        a_.breach(about + ": it leads to the wrong row before");
      count_in(j, debit->second, credit->second);
      if (debit->second.key.currency != j.currency || credit->second.key.currency != j.currency)
        a_.breach(about + ": its accounts are of another asset");
    } else {
      a_.breach(about + ": there is no such account");
    }
    if (hasher_.next(last_hash_, j) != hash)
      a_.breach(about + ": the hash does not fit, it or a row before was edited");
    last_hash_ = hash;  // as stored: one edit is one breach, not one for every later row
    if (j.kind != journal_kind::post) count_in(j, a_.holds[std::string{j.hold_id}]);
    auto of_hold = j.kind != journal_kind::post && is_code_of_hold(j.code);
    auto id_fits = !of_hold || j.id == hold_row_id(j.hold_id, j.code, step_of(j));
    if (!well_formed(j) || !id_fits) a_.breach(about + ": its kind, code, id and accounts do not fit together");
  }

private:
  static void name(journal_row& j, const account_key& debit, const account_key& credit) {
    j.debit_owner = debit.owner;
    j.debit_kind = debit.kind;
    j.credit_owner = credit.owner;
    j.credit_kind = credit.kind;
  }

  audit& a_;
  journal_hasher hasher_;
  std::string last_hash_;
  int64_t last_seq_ = 0;
};

}  // namespace

void audit_journal(audit& a) {
  load_accounts(a);
  journal_audit audit_of{a};
  auto take = [&](row& r) {
    journal_row j;
    blob hash;
    r(j.seq, j.id, j.kind, j.code, j.debit, j.credit, j.debit_before, j.credit_before, j.value, j.currency, j.hold_id,
      j.job_id, j.note, j.at_ms, hash);
    audit_of.look_at(j, hash.bytes);
    return j.seq;
  };
  each_row(a.db,
           "SELECT seq,id,kind,code,debit,credit,debit_before,credit_before,amount,asset,hold_id,job_id,note,at_ms,hash"
           " FROM journal WHERE seq>? ORDER BY seq LIMIT ?",
           std::numeric_limits<int64_t>::min(), take);
}

void audit_accounts(audit& a) {
  std::map<asset, wide> sums;
  for (const auto& [id, x] : a.accounts) {
    sums[x.key.currency] += x.balance;
    if (x.balance != x.balance_due)
      a.breach(name_of(x.key) + ": balance " + text_of(x.balance) + ", by the journal " + text_of(x.balance_due));
    if (x.held != x.held_due)
      a.breach(name_of(x.key) + ": held " + text_of(x.held) + ", by the journal " + text_of(x.held_due));
    if (x.entries != x.entries_due || x.newest != x.newest_due)
      a.breach(name_of(x.key) + ": its count of journal rows, or the newest of them, is wrong");
    auto overdrawn = x.key.kind != account_kind::issuance && x.balance < x.held;
    if (x.held < 0 || overdrawn) a.breach(name_of(x.key) + ": overdrawn");
  }
  for (const auto& [currency, sum] : sums)
    if (sum != 0) a.breach("all accounts of " + std::string{to_string(currency)} + " add up to " + text_of(sum));
}

verdict verify(connection& db) {
  audit a{db, {}, {}, {}};
  audit_journal(a);
  audit_accounts(a);
  audit_holds(a);
  audit_jobs(a);
  audit_spending(a);
  audit_usage(a);
  audit_withdrawals(a);
  audit_waiting(a);
  return std::move(a.found);
}

}  // namespace troupe::sql
