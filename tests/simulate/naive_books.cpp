// Adding and taking away, slowly and in the open.
#include "tests/simulate/naive_books.hpp"

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

naive_answer naive_books::reserve(const std::string& hold, const std::string& about, const troupe::account_key& whose,
                                  amount value) {
  auto from = key_of(whose);
  if (value < 0 || hold.empty() || may_be_negative(from)) return {errc::invalid};
  if (holds_.count(hold)) return {errc::conflict};
  auto owned = at(whose);
  if (owned.free() < value) return {errc::insufficient_funds, value, owned.free(), owned.balance};
  purses_[from].held += value;
  if (value > 0) touch(from, from);
  holds_[hold] = {from, about, value, 0, true};
  return {};
}

void naive_books::settle(const std::string& hold, const troupe::account_key& provider, amount subtotal, amount fee) {
  auto& h = holds_.at(hold);
  auto& payer = purses_[h.from];
  auto give = [&](const purse_key& to, amount value) {
    if (value == 0) return;
    payer.balance -= value;
    purses_[to].balance += value;
    touch(h.from, to);
  };
  payer.held -= h.value;
  give(key_of(provider), subtotal);
  give({"platform", 30, std::get<2>(h.from)}, fee);
  if (h.value > subtotal + fee) touch(h.from, h.from);
  h.captured = subtotal + fee;
  h.open = false;
}

std::string naive_books::broken_law() const {
  std::map<int, wide> sums;
  std::map<purse_key, wide> promised;
  for (auto& [id, h] : holds_)
    if (h.open) promised[h.from] += h.value;
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
