// Transfers, holds and their ends. The only code that writes accounts, holds and the journal.
#include "persistence/sqlite_money.hpp"

#include <cassert>

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sqlite {

namespace {

constexpr size_t cached_accounts_max = 100'000;
constexpr int state_open = 1;
constexpr int state_settled = 2;

bool guarded(const account_key& key) { return key.kind != account_kind::issuance; }

std::string text_of(amount value, asset currency) {
  return format_amount(value) + " " + std::string{to_string(currency)};
}

}  // namespace

size_t money_book::key_hash::operator()(const account_key& k) const {
  auto small = static_cast<size_t>(k.kind) << 8 | static_cast<size_t>(k.currency);
  return std::hash<std::string>{}(k.owner) ^ small * 0x9e3779b97f4a7c15;
}

money_book::money_book(connection& db)
    : find_account_{db, "SELECT id,balance,held,newest FROM accounts WHERE owner=? AND kind=? AND asset=?"},
      insert_account_{db,
                      "INSERT INTO accounts(owner,kind,asset,balance,held,entries,newest) VALUES(?,?,?,?,?,?,?)"
                      " RETURNING id"},
      update_account_{db,
                      "UPDATE accounts SET balance=?, held=?, entries=entries+?, newest=?"
                      " WHERE id=? AND balance=? AND held=?"},
      find_hold_{db,
                 "SELECT a.owner,a.kind,a.asset,h.amount,h.state,h.job_id"
                 " FROM holds h JOIN accounts a ON a.id=h.account WHERE h.id=?"},
      any_hold_{db, "SELECT 1 FROM holds WHERE id=?"},
      insert_hold_{db, "INSERT INTO holds(id,job_id,account,amount,captured,released,state) VALUES(?,?,?,?,0,0,?)"},
      update_hold_{db, "UPDATE holds SET captured=?, released=?, state=? WHERE id=? AND state=?"},
      find_post_{db,
                 "SELECT j.kind,j.code,j.amount,j.note,d.owner,d.kind,d.asset,c.owner,c.kind,c.asset"
                 " FROM journal j JOIN accounts d ON d.id=j.debit JOIN accounts c ON c.id=j.credit WHERE j.id=?"},
      insert_row_{db,
                  "INSERT INTO "
                  "journal(seq,id,kind,code,debit,credit,debit_before,credit_before,amount,asset,hold_id,job_id,note,"
                  "at_ms,hash)"
                  " VALUES(" +
                      marks(15) + ")"} {
  blob hash;
  statement{db, "SELECT seq,hash FROM journal ORDER BY seq DESC LIMIT 1"}.first([&](row& r) {
    r(last_seq_, hash);
    last_hash_ = hash.bytes;
  });
}

bool money_book::check(const change& c, change_result& r) {
  drafts_.clear();
  postings_.clear();
  if (accounts_.size() > cached_accounts_max) accounts_.clear();
  for (const auto& t : c.transfers)
    if (!plan(t, r)) return false;
  if (c.opens && !plan(*c.opens, r)) return false;
  return !c.closes || plan(*c.closes, r);
}

/// The place of the account in `drafts_`; the row is made later, should the change be taken.
size_t money_book::draft_of(const account_key& key) {
  for (size_t i = 0; i < drafts_.size(); ++i)
    if (drafts_[i].home->first == key) return i;
  auto known = accounts_.find(key);
  if (known == accounts_.end()) {
    account x;
    find_account_.first([&](row& r) { r(x.id, x.balance, x.held, x.newest); }, key);
    known = accounts_.emplace(key, x).first;
  }
  const auto& now = known->second;
  drafts_.push_back({&*known, now.balance, now.held, now.newest, 0});
  return drafts_.size() - 1;
}

bool money_book::move(size_t from, size_t to, amount value, change_result& r) {
  auto left = checked_add(drafts_[from].balance, -value);
  auto got = checked_add(drafts_[to].balance, value);
  if (!left || !got) return refuse(r, errc::conflict, "the balance would be beyond what an account can hold");
  drafts_[from].balance = *left;
  drafts_[to].balance = *got;
  return true;
}

void money_book::post(posting p) {
  auto& debit = drafts_[p.debit];
  auto& credit = drafts_[p.credit];
  debit.entries += 1;
  if (debit.home->first.owner != credit.home->first.owner) credit.entries += 1;
  p.debit_before = debit.newest;
  p.credit_before = credit.newest;
  postings_.push_back(std::move(p));
  debit.newest = credit.newest = last_seq_ + std::ssize(postings_);
}

/// True with `same`: it was posted before, word for word. False: its id belongs to another.
bool money_book::known(const transfer& t, change_result& r, bool& same) {
  auto kind = journal_kind::post;
  transfer old;
  auto read = [&](row& x) { x(kind, old.code, old.value, old.note, old.debit, old.credit); };
  auto found = find_post_.first(read, t.id);
  for (const auto& p : postings_) {
    if (p.id != t.id) continue;
    found = true;
    old = {t.id, p.code, drafts_[p.debit].home->first, drafts_[p.credit].home->first, p.value, std::string{p.note}};
  }
  if (!found) return true;
  same = kind == journal_kind::post && old.code == t.code && old.value == t.value && old.note == t.note &&
         old.debit == t.debit && old.credit == t.credit;
  return same || refuse(r, errc::conflict, "transfer " + t.id + " was already posted with other content");
}

bool money_book::plan(const transfer& t, change_result& r) {
  if (t.id.empty()) return refuse(r, errc::invalid, "a transfer needs an id");
  if (t.value <= 0) return refuse(r, errc::invalid, "transfer " + t.id + " must move more than nothing");
  if (t.debit == t.credit || t.debit.currency != t.credit.currency)
    return refuse(r, errc::invalid, "transfer " + t.id + " needs two accounts of one asset");
  auto same = false;
  if (!known(t, r, same)) return false;
  auto from = draft_of(t.debit);
  auto to = draft_of(t.credit);
  if (!same) {
    auto free = drafts_[from].balance - drafts_[from].held;
    if (guarded(t.debit) && free < t.value) {
      r.required = t.value;
      r.available = free;
      r.balance = drafts_[from].balance;
      return refuse(r, errc::insufficient_funds,
                    "needs " + text_of(t.value, t.debit.currency) + ", available " + text_of(free, t.debit.currency));
    }
    if (!move(from, to, t.value, r)) return false;
    post({t.id, journal_kind::post, t.code, from, to, t.value, {}, {}, t.note});
  }
  r.balance = drafts_[to].balance;
  r.available = drafts_[to].balance - drafts_[to].held;
  return true;
}

bool money_book::plan(const hold_open& h, change_result& r) {
  if (h.id.empty() || h.value < 0) return refuse(r, errc::invalid, "a hold needs an id and an amount of 0 or more");
  if (!guarded(h.account)) return refuse(r, errc::invalid, "hold " + h.id + ": that account has nothing to hold");
  if (any_hold_.any(h.id)) return refuse(r, errc::conflict, "hold " + h.id + " is already there");
  auto at = draft_of(h.account);
  auto& from = drafts_[at];
  auto free = from.balance - from.held;
  if (free < h.value) {
    r.required = h.value;
    r.available = free;
    r.balance = from.balance;
    return refuse(r, errc::insufficient_funds,
                  "needs " + text_of(h.value, h.account.currency) + ", available " + text_of(free, h.account.currency));
  }
  from.held += h.value;
  if (h.value > 0)
    post({hold_row_id(h.id, transfer_code::hold),
          journal_kind::hold,
          transfer_code::hold,
          at,
          at,
          h.value,
          h.id,
          h.job_id,
          {}});
  return true;
}

bool money_book::find(const hold_close& h, change_result& r, open_hold& hold) {
  if (h.paid.subtotal < 0 || h.paid.fee < 0) return refuse(r, errc::invalid, "a settlement is never negative");
  auto read = [&](row& x) { x(hold.key, hold.value, hold.state, hold.job_id); };
  if (!find_hold_.first(read, h.id)) return refuse(r, errc::conflict, "there is no hold " + h.id);
  if (hold.state != state_open) return refuse(r, errc::conflict, "hold " + h.id + " is already settled");
  if (hold.job_id != h.job_id) return refuse(r, errc::conflict, "hold " + h.id + " is of another job");
  if (h.paid.subtotal > hold.value || h.paid.fee > hold.value - h.paid.subtotal)
    return refuse(r, errc::conflict, "hold " + h.id + " is less than its settlement");
  if (h.paid.subtotal > 0 && (h.provider.currency != hold.key.currency || h.provider == hold.key))
    return refuse(r, errc::invalid, "hold " + h.id + " cannot be paid to that account");
  return true;
}

/// Capture to the provider, capture to the platform, release the rest; what is nothing writes no row.
bool money_book::plan(const hold_close& h, change_result& r) {
  open_hold hold;
  if (!find(h, r, hold)) return false;
  auto from = draft_of(hold.key);
  auto pay = [&](transfer_code code, const account_key& whom, amount value) {
    if (value == 0) return true;
    auto to = draft_of(whom);
    if (!move(from, to, value, r)) return false;
    post({hold_row_id(h.id, code), journal_kind::capture, code, from, to, value, h.id, h.job_id, {}});
    return true;
  };
  account_key platform{std::string{platform_owner}, account_kind::fee, hold.key.currency};
  if (!pay(transfer_code::provider_share, h.provider, h.paid.subtotal)) return false;
  if (!pay(transfer_code::platform_fee, platform, h.paid.fee)) return false;
  auto rest = hold.value - h.paid.subtotal - h.paid.fee;
  if (rest > 0)
    post({hold_row_id(h.id, transfer_code::release),
          journal_kind::release,
          transfer_code::release,
          from,
          from,
          rest,
          h.id,
          h.job_id,
          {}});
  drafts_[from].held -= hold.value;
  return true;
}

void money_book::write(const change& c, time_ms now_ms) {
  write_accounts();
  write_journal(now_ms);
  if (c.opens) {
    auto account = drafts_[draft_of(c.opens->account)].home->second.id;
    insert_hold_.run(c.opens->id, c.opens->job_id, account, c.opens->value, state_open);
  }
  if (!c.closes) return;
  auto captured = c.closes->paid.subtotal + c.closes->paid.fee;
  amount value = 0;
  for (const auto& p : postings_)
    if (p.hold_id == c.closes->id) value += p.value;
  auto rows = update_hold_.run(captured, value - captured, state_settled, c.closes->id, state_open);
  if (rows != 1) throw store_unavailable{"hold " + c.closes->id + " was changed by somebody else"};
}

/// Compare-and-set: an account that somebody edited beneath us ends the group, and the next one starts from the truth.
void money_book::write_accounts() {
  for (const auto& d : drafts_) {
    const auto& key = d.home->first;
    auto& now = d.home->second;
    if (now.id == 0) {
      insert_account_.each([&](row& r) { r(now.id); }, key, d.balance, d.held, d.entries, d.newest);
    } else if (d.newest != now.newest) {
      auto rows = update_account_.run(d.balance, d.held, d.entries, d.newest, now.id, now.balance, now.held);
      if (rows != 1) throw store_unavailable{"an account of " + key.owner + " was changed by somebody else"};
    }
    now.balance = d.balance;
    now.held = d.held;
    now.newest = d.newest;
  }
}

void money_book::write_journal(time_ms now_ms) {
  for (const auto& p : postings_) {
    const auto& [debit, debit_row] = *drafts_[p.debit].home;
    const auto& [credit, credit_row] = *drafts_[p.credit].home;
    journal_row j;
    j.seq = last_seq_ + 1;
    j.id = p.id;
    j.kind = p.kind;
    j.code = p.code;
    j.debit = debit_row.id;
    j.debit_owner = debit.owner;
    j.debit_kind = debit.kind;
    j.debit_before = p.debit_before;
    j.credit = credit_row.id;
    j.credit_owner = credit.owner;
    j.credit_kind = credit.kind;
    j.credit_before = p.credit_before;
    j.value = p.value;
    j.currency = debit.currency;
    j.hold_id = p.hold_id;
    j.job_id = p.job_id;
    j.note = p.note;
    j.at_ms = now_ms;
    auto hash = hasher_.next(last_hash_, j);
    insert_row_.run(j.seq, j.id, j.kind, j.code, j.debit, j.credit, j.debit_before, j.credit_before, j.value,
                    j.currency, j.hold_id, j.job_id, j.note, j.at_ms, blob{hash});
    last_seq_ = j.seq;
    last_hash_ = std::move(hash);
  }
}

}  // namespace troupe::sqlite
