// Adding and taking away, slowly and in the open.
#include "tests/simulate/naive_books.hpp"

#include <algorithm>
#include <limits>

namespace simulate {

namespace {

bool fits(wide x) { return x <= std::numeric_limits<amount>::max() && x >= std::numeric_limits<amount>::min(); }

bool may_be_negative(const purse_key& key) { return std::get<1>(key) == 70; }

bool same_content(const troupe::transfer& a, const troupe::transfer& b) {
  return a.code == b.code && a.value == b.value && a.note == b.note && a.debit == b.debit && a.credit == b.credit;
}

}  // namespace

purse_key key_of(const troupe::account_key& k) {
  return {k.owner, static_cast<int>(k.kind), static_cast<int>(k.currency)};
}

purse naive_books::at(const troupe::account_key& k) const {
  auto found = purses_.find(key_of(k));
  return found == purses_.end() ? purse{} : found->second;
}

const troupe::transfer* naive_books::posted(const std::string& id) const {
  auto found = posted_.find(id);
  return found == posted_.end() ? nullptr : &found->second;
}

void naive_books::touch(const purse_key& debit, const purse_key& credit) {
  purses_[debit].rows += 1;
  if (std::get<0>(debit) != std::get<0>(credit)) purses_[credit].rows += 1;
}

naive_answer naive_books::pay(const troupe::transfer& t) {
  auto from = key_of(t.debit), to = key_of(t.credit);
  if (t.id.empty() || t.value <= 0 || from == to || std::get<2>(from) != std::get<2>(to)) return {errc::invalid};
  auto before = posted_.find(t.id);
  if (before != posted_.end() && !same_content(before->second, t)) return {errc::conflict};
  if (before == posted_.end()) {
    auto& payer = purses_[from];
    auto& payee = purses_[to];
    if (!may_be_negative(from) && payer.free() < t.value)
      return {errc::insufficient_funds, t.value, payer.free(), payer.balance};
    if (!fits(wide{payer.balance} - t.value) || !fits(wide{payee.balance} + t.value)) return {errc::conflict};
    payer.balance -= t.value;
    payee.balance += t.value;
    touch(from, to);
    posted_[t.id] = t;
  }
  return {errc::ok, 0, purses_[to].free(), purses_[to].balance};
}

naive_answer naive_books::pay(const std::vector<troupe::transfer>& all) {
  naive_answer last;
  std::map<purse_key, std::optional<purse>> purses_before;
  std::set<std::string> new_ids;
  for (auto& t : all) {
    for (auto& key : {key_of(t.debit), key_of(t.credit)}) {
      auto found = purses_.find(key);
      purses_before.emplace(key, found == purses_.end() ? std::optional<purse>{} : found->second);
    }
    auto is_new = posted_.count(t.id) == 0;
    last = pay(t);
    if (is_new) new_ids.insert(t.id);
    if (last.why == errc::ok) continue;
    for (auto& id : new_ids) posted_.erase(id);
    for (auto& [key, old] : purses_before) {
      if (old)
        purses_[key] = *old;
      else
        purses_.erase(key);
    }
    return last;
  }
  return last;
}

/// Enough money, and every ceiling above it.
naive_answer naive_books::has_room(const promise& h, amount more) const {
  auto owned = at(h.whose);
  if (owned.free() < more) return {errc::insufficient_funds, more, owned.free(), owned.balance};
  for (auto& g : h.guards) {
    auto found = committed_.find({g.scope, g.period, h.whose.currency});
    auto so_far = found == committed_.end() ? 0 : found->second;
    if (wide{so_far} + more > g.limit) return {errc::limit_exceeded};
  }
  return {};
}

void naive_books::commit_to(const promise& h, amount more) {
  for (auto& g : h.guards) committed_[{g.scope, g.period, h.whose.currency}] += more;
}

naive_answer naive_books::reserve(const troupe::hold_open& o) {
  auto from = key_of(o.account);
  if (o.value < 0 || o.id.empty() || may_be_negative(from)) return {errc::invalid};
  if (holds_.count(o.id)) return {errc::conflict};
  promise h{o.account, o.job_id, o.guards, o.value, 0, 0, true};
  if (auto no = has_room(h, o.value); no.why != errc::ok) return no;
  purses_[from].held += o.value;
  if (o.value > 0) touch(from, from);
  commit_to(h, o.value);
  holds_[o.id] = h;
  return {};
}

promise* naive_books::open_one(const std::string& hold, const std::string& about) {
  auto found = holds_.find(hold);
  auto good = found != holds_.end() && found->second.open && found->second.about == about;
  return good ? &found->second : nullptr;
}

naive_answer naive_books::extend(const troupe::hold_extend& x) {
  auto* h = open_one(x.id, x.job_id);
  if (h == nullptr) return {errc::conflict};
  if (x.value < 0) return {errc::invalid};
  if (x.step != h->steps + 1) return {errc::stale};
  if (auto no = has_room(*h, x.value); no.why != errc::ok) return no;
  purses_[h->from()].held += x.value;
  touch(h->from(), h->from());
  commit_to(*h, x.value);
  h->value += x.value;
  h->steps = x.step;
  return {};
}

/// Moves money and writes it down under its id, so that it can be undone.
void naive_books::give(const troupe::transfer& t) {
  if (t.value == 0) return;
  purses_[key_of(t.debit)].balance -= t.value;
  purses_[key_of(t.credit)].balance += t.value;
  touch(key_of(t.debit), key_of(t.credit));
  posted_[t.id] = t;
}

naive_answer naive_books::capture(const troupe::hold_close& c, troupe::time_ms now) {
  if (c.paid.subtotal < 0 || c.paid.fee < 0) return {errc::invalid};
  auto* h = open_one(c.id, c.job_id);
  if (h == nullptr) return {errc::conflict};
  if (c.step != 0 && c.step != h->steps + 1) return {errc::stale};
  wide all = wide{c.paid.subtotal} + c.paid.fee;
  for (auto& x : c.also) all += x.value;
  if (all > h->left()) return {errc::conflict};
  auto paid = static_cast<amount>(all);
  auto tail = c.step > 0 ? "/" + std::to_string(c.step) : "";
  troupe::account_key platform{"platform", troupe::account_kind::fee, h->whose.currency};
  auto number = h->steps;
  for (auto& x : c.also)
    give({c.id + "/provider/" + std::to_string(++number), c.code, h->whose, x.provider, x.value, ""});
  give({c.id + "/provider" + tail, c.code, h->whose, c.provider, c.paid.subtotal, ""});
  give({c.id + "/fee" + tail, troupe::transfer_code::platform_fee, h->whose, platform, c.paid.fee, ""});
  h->captured += paid;
  purses_[h->from()].held -= c.step > 0 ? paid : paid + h->left();
  if (c.matures_ms > 0 && c.paid.subtotal > 0) {  // in the first whole second that is not over
    auto due_s = std::max((c.matures_ms + 999) / 1'000, now / 1'000 + 1);
    buckets_[{c.provider.owner, c.provider.currency, due_s}] += c.paid.subtotal;
  }
  if (c.step > 0) {
    h->steps = c.step;
    return {};
  }
  if (h->left() > 0) touch(h->from(), h->from());
  commit_to(*h, -h->left());
  h->open = false;
  return {};
}

/// What is no longer there, because a correction took it back, cannot mature.
naive_answer naive_books::mature(const troupe::mature_move& m, troupe::time_ms now) {
  auto bucket = buckets_.find({m.owner, m.currency, m.due_s});
  if (m.due_s > now / 1'000 || bucket == buckets_.end()) return {errc::conflict};
  troupe::account_key earned{m.owner, troupe::account_kind::earned, m.currency};
  troupe::account_key payable{m.owner, troupe::account_kind::payable, m.currency};
  auto value = std::min(bucket->second, at(earned).free());
  buckets_.erase(bucket);
  if (value <= 0) return {};
  give({"matured " + std::to_string(posted_.size()), troupe::transfer_code::mature, earned, payable, value, ""});
  return {errc::ok, 0, at(payable).free(), at(payable).balance};
}

naive_answer naive_books::correct(const troupe::correction& x) {
  auto found = posted_.find(x.transfer_id);
  if (found == posted_.end()) return {errc::not_found};
  auto old = found->second;
  auto id = x.transfer_id + "/correction";
  if (old.code == troupe::transfer_code::correction || posted_.count(id)) return {errc::conflict};
  auto owned = at(old.credit);
  if (!may_be_negative(key_of(old.credit)) && owned.free() < old.value)
    return {errc::insufficient_funds, old.value, owned.free(), owned.balance};
  if (!fits(wide{owned.balance} - old.value) || !fits(wide{at(old.debit).balance} + old.value)) return {errc::conflict};
  give({id, troupe::transfer_code::correction, old.credit, old.debit, old.value, x.note});
  return {errc::ok, 0, at(old.debit).free(), at(old.debit).balance};
}

std::string naive_books::broken_law() const {
  std::map<int, wide> sums;
  std::map<purse_key, wide> promised;
  std::map<ceiling_key, wide> under;
  for (auto& [id, h] : holds_) {
    if (h.open) promised[h.from()] += h.left();
    for (auto& g : h.guards) under[{g.scope, g.period, h.whose.currency}] += h.open ? h.value : h.captured;
  }
  for (auto& [key, sum] : committed_)
    if (sum != under[key]) return "the twin counted a ceiling wrong";
  for (auto& [key, x] : purses_) {
    sums[std::get<2>(key)] += x.balance;
    if (!may_be_negative(key) && (x.held < 0 || x.balance < x.held)) return "the twin overdrew " + std::get<0>(key);
    auto found = promised.find(key);
    if (x.held != (found == promised.end() ? 0 : found->second)) return "the twin forgot a hold of " + std::get<0>(key);
  }
  for (auto& [currency, sum] : sums)
    if (sum != 0) return "the twin made money";
  return {};
}

}  // namespace simulate
