// Drafts of accounts, then accounts, then the journal's chain.
#include "persistence/account_book.hpp"

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr size_t cached_accounts_max = 100'000;

const std::string account_columns = "id,owner,kind,asset,balance,held,newest";

}  // namespace

std::string text_of(amount value, asset currency) {
  return format_amount(value) + " " + std::string{to_string(currency)};
}

bool is_guarded(const account_key& key) { return key.kind != account_kind::issuance; }

size_t account_book::key_hash::operator()(const account_key& k) const {
  auto small = static_cast<size_t>(k.kind) << 8 | static_cast<size_t>(k.currency);
  return std::hash<std::string>{}(k.owner) ^ small * 0x9e3779b97f4a7c15;
}

account_book::account_book(connection& db)
    : db_{db},
      find_account_{db, "SELECT id,balance,held,newest FROM accounts WHERE owner=? AND kind=? AND asset=?"},
      insert_account_{db,
                      "INSERT INTO accounts(owner,kind,asset,balance,held,entries,newest) VALUES(?,?,?,?,?,?,?)"
                      " RETURNING id"},
      find_post_{db,
                 "SELECT j.kind,j.code,j.amount,j.note,d.owner,d.kind,d.asset,c.owner,c.kind,c.asset,j.hold_id,j.job_id"
                 " FROM journal j JOIN accounts d ON d.id=j.debit JOIN accounts c ON c.id=j.credit WHERE j.id=?"},
      find_end_{db, "SELECT seq,hash FROM journal ORDER BY seq DESC LIMIT 1"},
      update_accounts_{db,
                       "UPDATE accounts SET balance=?, held=?, entries=entries+?, newest=?"
                       " WHERE id=? AND balance=? AND held=?"},
      insert_rows_{db,
                   "INSERT INTO journal(seq,id,kind,code,debit,credit,debit_before,credit_before,amount,asset,hold_id,"
                   "job_id,note,at_ms,hash) VALUES(" +
                       marks(15) + ")"} {
  if (db.kind() == engine::postgres) {
    fetch_accounts_.emplace(db, "SELECT " + account_columns + " FROM accounts WHERE owner = ANY(?::text[])");
    fetch_posts_.emplace(db, "SELECT id FROM journal WHERE id = ANY(?::text[])");
  }
  read_end();
}

void account_book::read_end() {
  blob hash;
  find_end_.first([&](row& r) {
    r(last_seq_, hash);
    last_hash_ = hash.bytes;
  });
}

void account_book::forget() {
  accounts_.clear();
  read_end();
}

void account_book::expect(const account_key& k) {
  if (fetch_accounts_ && !accounts_.contains(k)) wanted_owners_.push_back(k.owner);
}

void account_book::expect(const change& c) {
  if (!fetch_accounts_) return;
  for (const auto& t : c.transfers) {
    expect(t.debit);
    expect(t.credit);
    wanted_posts_.push_back(t.id);
  }
  if (c.opens) expect(c.opens->account);
  if (!c.closes) return;
  expect(c.closes->provider);
  for (const auto& x : c.closes->also) expect(x.provider);
}

void account_book::fetch() {
  if (!wanted_owners_.empty()) {
    auto take = [&](row& r) {
      account x;
      account_key key;
      r(x.id, key, x.balance, x.held, x.newest);
      x.stored_balance = x.balance;
      x.stored_held = x.held;
      accounts_.emplace(key, x);  // one that is known already is newer
    };
    fetch_accounts_->each(take, array_of(wanted_owners_));
  }
  if (!wanted_posts_.empty()) {
    absent_posts_.insert(wanted_posts_.begin(), wanted_posts_.end());
    std::string id;
    auto take = [&](row& r) {
      r(id);
      absent_posts_.erase(id);
    };
    fetch_posts_->each(take, array_of(wanted_posts_));
  }
  wanted_owners_.clear();
  wanted_posts_.clear();
}

void account_book::start() {
  drafts_.clear();
  postings_.clear();
}

size_t account_book::draft_of(const account_key& key) {
  for (size_t i = 0; i < drafts_.size(); ++i)
    if (drafts_[i].home->first == key) return i;
  auto known = accounts_.find(key);
  if (known == accounts_.end()) {
    account x;
    find_account_.first([&](row& r) { r(x.id, x.balance, x.held, x.newest); }, key);
    x.stored_balance = x.balance;
    x.stored_held = x.held;
    known = accounts_.emplace(key, x).first;
  }
  const auto& now = known->second;
  drafts_.push_back({&*known, now.balance, now.held, now.newest, 0});
  return drafts_.size() - 1;
}

bool account_book::can_spend(size_t at, amount value, change_result& r) const {
  if (!is_guarded(key(at)) || free(at) >= value) return true;
  r.required = value;
  r.available = free(at);
  r.balance = balance(at);
  auto currency = key(at).currency;
  return refuse(r, errc::insufficient_funds,
                "needs " + text_of(value, currency) + ", available " + text_of(r.available, currency));
}

bool account_book::move(size_t from, size_t to, amount value, change_result& r) {
  auto left = checked_add(drafts_[from].balance, -value);
  auto got = checked_add(drafts_[to].balance, value);
  if (!left || !got) return refuse(r, errc::conflict, "the balance would be beyond what an account can hold");
  drafts_[from].balance = *left;
  drafts_[to].balance = *got;
  return true;
}

void account_book::post(posting p) {
  auto& debit = drafts_[p.debit];
  auto& credit = drafts_[p.credit];
  debit.entries += 1;
  if (debit.home->first.owner != credit.home->first.owner) credit.entries += 1;
  p.debit_before = debit.newest;
  p.credit_before = credit.newest;
  postings_.push_back(std::move(p));
  debit.newest = credit.newest = last_seq_ + std::ssize(postings_);
}

std::optional<posted> account_book::find_post(const std::string& id) {
  for (const auto& p : postings_)
    if (p.id == id)
      return posted{p.kind, {id, p.code, key(p.debit), key(p.credit), p.value, p.note}, p.hold_id, p.job_id};
  if (fresh_posts_.contains(id))
    insert_rows_.flush();
  else if (absent_posts_.contains(id))
    return {};
  posted x;
  x.what.id = id;
  auto& t = x.what;
  auto read = [&](row& r) { r(x.kind, t.code, t.value, t.note, t.debit, t.credit, x.hold_id, x.job_id); };
  if (!find_post_.first(read, id)) return {};
  return x;
}

std::vector<balance_row> account_book::fell_below(amount least) const {
  std::vector<balance_row> poor;
  for (const auto& d : drafts_) {
    const auto& [key, now] = *d.home;
    if (key.kind != account_kind::available || key.currency != asset::dgpu) continue;
    if (now.balance - now.held >= least && d.balance - d.held < least) poor.push_back({key, d.balance, d.held});
  }
  return poor;
}

void account_book::write(time_ms now_ms) {
  write_accounts();
  write_journal(now_ms);
}

void account_book::write_accounts() {
  for (const auto& d : drafts_) {
    auto& now = d.home->second;
    auto touched = d.newest != now.newest;
    now.balance = d.balance;
    now.held = d.held;
    now.newest = d.newest;
    if (now.id == 0) {
      insert_account_.each([&](row& r) { r(now.id); }, d.home->first, d.balance, d.held, d.entries, d.newest);
      now.stored_balance = d.balance;
      now.stored_held = d.held;
      continue;
    }
    now.entries += d.entries;
    if (touched && !std::exchange(now.unwritten, true)) unwritten_.push_back(d.home);
  }
}

void account_book::write_journal(time_ms now_ms) {
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
    insert_rows_.add(j.seq, j.id, j.kind, j.code, j.debit, j.credit, j.debit_before, j.credit_before, j.value,
                     j.currency, j.hold_id, j.job_id, j.note, j.at_ms, blob{hash});
    if (p.kind == journal_kind::post || p.kind == journal_kind::capture) fresh_posts_.insert(p.id);
    last_seq_ = j.seq;
    last_hash_ = std::move(hash);
  }
}

/// Compare-and-set: an account that somebody edited beneath us ends the group, and the next one starts from the truth.
void account_book::flush() {
  for (auto* home : unwritten_) {
    auto& x = home->second;
    update_accounts_.add(x.balance, x.held, x.entries, x.newest, x.id, x.stored_balance, x.stored_held);
    x.stored_balance = x.balance;
    x.stored_held = x.held;
    x.entries = 0;
    x.unwritten = false;
  }
  unwritten_.clear();
  if (!update_accounts_.flush()) throw store_unavailable{"an account was changed by somebody else"};
  if (!insert_rows_.flush()) throw store_unavailable{"the journal was written by somebody else"};
  fresh_posts_.clear();
  absent_posts_.clear();
  if (accounts_.size() > cached_accounts_max) accounts_.clear();
}

}  // namespace troupe::sql
