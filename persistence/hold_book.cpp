// Every step of a hold has a number, so that none happens twice and none is left out.
#include "persistence/hold_book.hpp"

#include <algorithm>

#include "persistence/columns.hpp"
#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

namespace {

constexpr size_t cached_holds_max = 200'000;
constexpr size_t cached_ceilings_max = 100'000;
constexpr int state_open = 1;
constexpr int state_settled = 2;

const std::string hold_columns =
    "a.owner,a.kind,a.asset,h.job_id,h.amount,h.captured,h.released,h.state,h.steps,h.guards";

std::vector<std::string> words_of(const std::vector<spend_guard>& guards) {
  std::vector<std::string> words;
  for (const auto& g : guards) words.insert(words.end(), {g.scope, g.period, std::to_string(g.limit)});
  return words;
}

std::vector<spend_guard> guards_of(const std::vector<std::string>& words) {
  std::vector<spend_guard> guards;
  for (size_t i = 0; i + 2 < words.size(); i += 3) guards.push_back({words[i], words[i + 1], std::stoll(words[i + 2])});
  return guards;
}

/// What a capture leaves of `left`; nothing when that is less than it. REQUIRES: paid and left are not negative.
std::optional<amount> rest_of(const hold_close& c, amount left) {
  auto take = [&](amount value) {
    if (value > left) return false;
    left -= value;
    return true;
  };
  auto fits = take(c.paid.subtotal) && take(c.paid.fee);
  for (const auto& x : c.also) fits = fits && take(std::max<amount>(0, x.value));
  return fits ? std::optional{left} : std::nullopt;
}

}  // namespace

hold_book::hold_book(connection& db, account_book& accounts, transfer_book& transfers)
    : accounts_{accounts},
      transfers_{transfers},
      find_hold_{db, "SELECT " + hold_columns + " FROM holds h JOIN accounts a ON a.id=h.account WHERE h.id=?"},
      find_ceiling_{db, "SELECT committed FROM spending WHERE scope=? AND period=? AND asset=?"},
      insert_holds_{db, "INSERT INTO holds(id,job_id,account,amount,captured,released,state,steps,guards) VALUES(" +
                            marks(9) + ")"},
      update_holds_{db,
                    "UPDATE holds SET amount=?, captured=?, released=?, state=?, steps=?"
                    " WHERE id=? AND state=? AND steps=?"},
      put_ceilings_{db,
                    "INSERT INTO spending(scope,period,asset,committed) VALUES(?,?,?,?)"
                    " ON CONFLICT(scope,period,asset) DO UPDATE SET committed=excluded.committed"} {
  if (db.kind() == engine::postgres)
    fetch_holds_.emplace(db, "SELECT h.id," + hold_columns +
                                 " FROM holds h JOIN accounts a ON a.id=h.account WHERE h.id = ANY(?::text[])");
}

void hold_book::expect(const change& c) {
  if (!fetch_holds_) return;
  if (c.opens) wanted_.push_back(c.opens->id);
  if (c.extends && !holds_.contains(c.extends->id)) wanted_.push_back(c.extends->id);
  if (c.closes && !holds_.contains(c.closes->id)) wanted_.push_back(c.closes->id);
}

void hold_book::fetch() {
  if (wanted_.empty()) return;
  absent_.insert(wanted_.begin(), wanted_.end());
  auto take = [&](row& r) {
    std::string id;
    hold x;
    std::vector<std::string> words;
    r(id, x.key, x.job_id, x.value, x.captured, x.released, x.state, x.steps, words);
    x.guards = guards_of(words);
    x.stored_steps = x.steps;
    absent_.erase(id);
    accounts_.expect(x.key);
    holds_.emplace(id, std::move(x));  // one that is known already is newer
  };
  fetch_holds_->each(take, array_of(wanted_));
  wanted_.clear();
}

void hold_book::forget() {
  holds_.clear();
  ceilings_.clear();
}

hold_book::hold* hold_book::find(const std::string& id) {
  auto known = holds_.find(id);
  if (known != holds_.end()) return &known->second;
  if (absent_.contains(id)) return nullptr;
  hold x;
  std::vector<std::string> words;
  auto read = [&](row& r) { r(x.key, x.job_id, x.value, x.captured, x.released, x.state, x.steps, words); };
  if (!find_hold_.first(read, id)) return nullptr;
  x.guards = guards_of(words);
  x.stored_steps = x.steps;
  return &holds_.emplace(id, std::move(x)).first->second;
}

hold_book::hold* hold_book::open_one(const std::string& id, const std::string& job_id, change_result& r) {
  auto* h = find(id);
  if (h == nullptr)
    refuse(r, errc::conflict, "there is no hold " + id);
  else if (h->state != state_open)
    refuse(r, errc::conflict, "hold " + id + " is already settled");
  else if (h->job_id != job_id)
    refuse(r, errc::conflict, "hold " + id + " is of another job");
  else
    return h;
  return nullptr;
}

bool hold_book::check(const change& c, change_result& r) {
  if (c.opens && !plan(*c.opens, r)) return false;
  if (c.extends && !plan(*c.extends, r)) return false;
  return !c.closes || plan(*c.closes, r);
}

std::pair<const hold_book::ceiling_key, hold_book::ceiling>& hold_book::committed(const spend_guard& g,
                                                                                  asset currency) {
  auto [at, is_new] = ceilings_.try_emplace({g.scope, g.period, currency});
  if (is_new) find_ceiling_.first([&](row& r) { r(at->second.committed); }, g.scope, g.period, currency);
  return *at;
}

bool hold_book::fits(const std::vector<spend_guard>& guards, asset currency, amount value, change_result& r) {
  for (const auto& g : guards) {
    auto left = g.limit - committed(g, currency).second.committed;
    if (left >= value) continue;
    auto period = g.period.empty() ? "in all" : "in " + g.period;
    return refuse(r, errc::limit_exceeded,
                  "the spend limit of " + text_of(g.limit, currency) + " " + period + " leaves " +
                      text_of(std::max<amount>(left, 0), currency) + ", this needs " + text_of(value, currency));
  }
  return true;
}

bool hold_book::plan(const hold_open& h, change_result& r) {
  if (h.id.empty() || h.value < 0) return refuse(r, errc::invalid, "a hold needs an id and an amount of 0 or more");
  if (!is_guarded(h.account)) return refuse(r, errc::invalid, "hold " + h.id + ": that account has nothing to hold");
  if (find(h.id)) return refuse(r, errc::conflict, "hold " + h.id + " is already there");
  auto at = account_of_open_ = accounts_.draft_of(h.account);
  if (!accounts_.can_spend(at, h.value, r) || !fits(h.guards, h.account.currency, h.value, r)) return false;
  accounts_.hold(at, h.value);
  r.available = accounts_.free(at);
  r.balance = accounts_.balance(at);
  if (h.value > 0)
    accounts_.post({hold_row_id(h.id, transfer_code::hold),
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

bool hold_book::plan(const hold_extend& x, change_result& r) {
  auto* h = open_one(x.id, x.job_id, r);
  if (h == nullptr) return false;
  if (x.value <= 0) return refuse(r, errc::invalid, "hold " + x.id + " can only grow");
  if (x.step != h->steps + 1) return refuse(r, errc::stale, "hold " + x.id + " has moved on");
  if (!checked_add(h->value, x.value)) return refuse(r, errc::invalid, "hold " + x.id + " would be too large");
  auto at = accounts_.draft_of(h->key);
  if (!accounts_.can_spend(at, x.value, r) || !fits(h->guards, h->key.currency, x.value, r)) return false;
  accounts_.hold(at, x.value);
  r.available = accounts_.free(at);
  accounts_.post({hold_row_id(x.id, transfer_code::hold, x.step),
                  journal_kind::hold,
                  transfer_code::hold,
                  at,
                  at,
                  x.value,
                  x.id,
                  x.job_id,
                  {}});
  return true;
}

/// Capture to the provider, capture to the platform; what is nothing writes no row.
bool hold_book::capture(const hold_close& c, const hold& h, size_t from, change_result& r) {
  auto pay = [&](transfer_code code, const account_key& whom, amount value, int32_t step) {
    if (value == 0) return true;
    auto to = accounts_.draft_of(whom);
    if (!accounts_.move(from, to, value, r)) return false;
    accounts_.post({hold_row_id(c.id, code, step), journal_kind::capture, code, from, to, value, c.id, c.job_id, {}});
    return true;
  };
  auto step = h.steps;
  for (const auto& x : c.also)
    if (!pay(c.code, x.provider, x.value, ++step)) return false;
  account_key platform{std::string{platform_owner}, account_kind::fee, h.key.currency};
  return pay(c.code, c.provider, c.paid.subtotal, c.step) &&
         pay(transfer_code::platform_fee, platform, c.paid.fee, c.step);
}

bool hold_book::plan(const hold_close& c, change_result& r) {
  if (c.paid.subtotal < 0 || c.paid.fee < 0) return refuse(r, errc::invalid, "a settlement is never negative");
  auto* h = open_one(c.id, c.job_id, r);
  if (h == nullptr) return false;
  if (c.step != 0 && c.step != h->steps + 1) return refuse(r, errc::stale, "hold " + c.id + " has moved on");
  auto left = h->value - h->captured;
  auto rest = rest_of(c, left);
  if (!rest) return refuse(r, errc::conflict, "hold " + c.id + " is less than its settlement");
  auto payable = [&](const account_key& to) { return to.currency == h->key.currency && to != h->key; };
  auto all_payable = c.paid.subtotal == 0 || payable(c.provider);
  for (const auto& x : c.also) all_payable = all_payable && x.value > 0 && c.step == 0 && payable(x.provider);
  if (!all_payable) return refuse(r, errc::invalid, "hold " + c.id + " cannot be paid to that account");
  auto from = accounts_.draft_of(h->key);
  if (!capture(c, *h, from, r)) return false;
  auto paid = left - *rest;
  accounts_.hold(from, c.step == 0 ? -left : -paid);
  if (c.step == 0 && *rest > 0)
    accounts_.post({hold_row_id(c.id, transfer_code::release),
                    journal_kind::release,
                    transfer_code::release,
                    from,
                    from,
                    *rest,
                    c.id,
                    c.job_id,
                    {}});
  return true;
}

void hold_book::commit_to(const hold& h, amount value) {
  if (value == 0) return;
  for (const auto& g : h.guards) {
    auto& c = committed(g, h.key.currency);
    c.second.committed += value;
    if (!std::exchange(c.second.unwritten, true)) unwritten_ceilings_.push_back(&c);
  }
}

void hold_book::touch(const std::string& id, hold& h) {
  if (!std::exchange(h.unwritten, true)) unwritten_.push_back(id);
}

void hold_book::write(const change& c, time_ms now_ms) {
  if (c.opens) {
    const auto& o = *c.opens;
    insert_holds_.add(o.id, o.job_id, accounts_.id(account_of_open_), o.value, 0, 0, state_open, 0, words_of(o.guards));
    hold h;
    h.key = o.account;
    h.job_id = o.job_id;
    h.value = o.value;
    h.state = state_open;
    h.guards = o.guards;
    commit_to(h, o.value);
    holds_.insert_or_assign(o.id, std::move(h));
  }
  if (c.extends) {
    auto& h = *find(c.extends->id);
    h.value += c.extends->value;
    h.steps = c.extends->step;
    commit_to(h, c.extends->value);
    touch(c.extends->id, h);
  }
  if (!c.closes) return;
  auto& h = *find(c.closes->id);
  auto rest = *rest_of(*c.closes, h.value - h.captured);
  h.captured = h.value - rest;
  if (c.closes->step == 0) {
    h.released = rest;
    h.state = state_settled;
    commit_to(h, -h.released);
  } else {
    h.steps = c.closes->step;
  }
  touch(c.closes->id, h);
  if (c.closes->matures_ms == 0) return;
  if (c.closes->paid.subtotal > 0)
    transfers_.matures_later(c.closes->provider, c.closes->paid.subtotal, c.closes->matures_ms, now_ms);
  for (const auto& x : c.closes->also) transfers_.matures_later(x.provider, x.value, c.closes->matures_ms, now_ms);
}

void hold_book::flush() {
  if (!insert_holds_.flush()) throw store_unavailable{"a hold was written by somebody else"};
  for (const auto& id : unwritten_) {
    auto& h = holds_.at(id);
    update_holds_.add(h.value, h.captured, h.released, h.state, h.steps, id, state_open, h.stored_steps);
    h.stored_steps = h.steps;
    h.unwritten = false;
  }
  if (!update_holds_.flush()) throw store_unavailable{"a hold was changed by somebody else"};
  for (const auto& id : unwritten_)
    if (holds_.at(id).state == state_settled) holds_.erase(id);
  unwritten_.clear();
  for (auto* c : unwritten_ceilings_) {
    const auto& [scope, period, currency] = c->first;
    put_ceilings_.add(scope, period, currency, c->second.committed);
    c->second.unwritten = false;
  }
  unwritten_ceilings_.clear();
  if (!put_ceilings_.flush()) throw store_unavailable{"a spend limit could not be counted"};
  absent_.clear();
  if (holds_.size() > cached_holds_max) holds_.clear();
  if (ceilings_.size() > cached_ceilings_max) ceilings_.clear();
}

}  // namespace troupe::sql
