// A transfer's id makes it happen once; a correction's id comes from what it corrects; a bucket is deleted as it moves.
#include "persistence/transfer_book.hpp"

#include <algorithm>

#include "persistence/refusal.hpp"
#include "persistence/store.hpp"

namespace troupe::sql {

transfer_book::transfer_book(connection& db, account_book& accounts)
    : accounts_{accounts},
      find_bucket_{db, "SELECT amount FROM maturing WHERE owner=? AND asset=? AND due_s=?"},
      delete_bucket_{db, "DELETE FROM maturing WHERE owner=? AND asset=? AND due_s=?"},
      put_buckets_{db,
                   "INSERT INTO maturing(owner,asset,due_s,amount) VALUES(?,?,?,?)"
                   " ON CONFLICT(owner,asset,due_s) DO UPDATE SET amount=maturing.amount+excluded.amount"} {}

bool transfer_book::check(const change& c, time_ms now_ms, change_result& r) {
  for (const auto& t : c.transfers)
    if (!plan(t, r)) return false;
  if (c.corrects && !plan(*c.corrects, r)) return false;
  if (c.matures && c.matures->due_s > now_ms / 1000) return refuse(r, errc::conflict, "those earnings are not due yet");
  return !c.matures || plan(*c.matures, r);
}

bool transfer_book::plan(const transfer& t, change_result& r) {
  if (t.id.empty()) return refuse(r, errc::invalid, "a transfer needs an id");
  if (t.value <= 0) return refuse(r, errc::invalid, "transfer " + t.id + " must move more than nothing");
  if (t.debit == t.credit || t.debit.currency != t.credit.currency)
    return refuse(r, errc::invalid, "transfer " + t.id + " needs two accounts of one asset");
  auto old = accounts_.find_post(t.id);
  auto same = old && old->kind == journal_kind::post && old->what.code == t.code && old->what.value == t.value &&
              old->what.note == t.note && old->what.debit == t.debit && old->what.credit == t.credit;
  if (old && !same) return refuse(r, errc::conflict, "transfer " + t.id + " was already posted with other content");
  auto from = accounts_.draft_of(t.debit);
  auto to = accounts_.draft_of(t.credit);
  if (!same) {
    if (!accounts_.can_spend(from, t.value, r)) return false;
    auto pledge = accounts_.balance(from);
    if (t.code == transfer_code::slash && t.value > pledge / 2)
      return refuse(r, errc::conflict, "at most half of a stake is slashed, and it is " + format_amount(pledge));
    if (!accounts_.move(from, to, t.value, r)) return false;
    accounts_.post({t.id, journal_kind::post, t.code, from, to, t.value, {}, {}, t.note});
  }
  r.balance = accounts_.balance(to);
  r.available = accounts_.free(to);
  return true;
}

bool transfer_book::plan(const correction& x, change_result& r) {
  auto old = accounts_.find_post(x.transfer_id);
  auto moved = old && (old->kind == journal_kind::post || old->kind == journal_kind::capture);
  if (!moved) return refuse(r, errc::not_found, "there is no transfer " + x.transfer_id);
  if (old->what.code == transfer_code::correction) return refuse(r, errc::conflict, "that is a correction itself");
  auto id = x.transfer_id + "/correction";
  if (accounts_.find_post(id)) return refuse(r, errc::conflict, "transfer " + x.transfer_id + " is already corrected");
  auto from = accounts_.draft_of(old->what.credit);
  auto to = accounts_.draft_of(old->what.debit);
  auto value = old->what.value;
  if (!accounts_.can_spend(from, value, r) || !accounts_.move(from, to, value, r)) return false;
  accounts_.post({id, journal_kind::post, transfer_code::correction, from, to, value, {}, {}, x.note});
  r.balance = accounts_.balance(to);
  r.available = accounts_.free(to);
  return true;
}

/// What a correction took out of `earned` meanwhile cannot mature any more.
bool transfer_book::plan(const mature_move& m, change_result& r) {
  if (maturing_.contains({m.owner, m.currency, m.due_s})) flush();
  amount value = 0;
  if (!find_bucket_.first([&](row& x) { x(value); }, m.owner, m.currency, m.due_s))
    return refuse(r, errc::conflict, "those earnings have matured already");
  auto from = accounts_.draft_of({m.owner, account_kind::earned, m.currency});
  auto to = accounts_.draft_of({m.owner, account_kind::payable, m.currency});
  value = std::min(value, accounts_.free(from));
  if (value <= 0) return true;
  if (!accounts_.move(from, to, value, r)) return false;
  auto id = "mature/" + m.owner + "/" + std::to_string(accounts_.next_seq());
  accounts_.post({id, journal_kind::post, transfer_code::mature, from, to, value, {}, {}, {}});
  r.balance = accounts_.balance(to);
  r.available = accounts_.free(to);
  return true;
}

void transfer_book::write(const change& c) {
  if (!c.matures) return;
  auto rows = delete_bucket_.run(c.matures->owner, c.matures->currency, c.matures->due_s);
  if (rows != 1) throw store_unavailable{"earnings of " + c.matures->owner + " were moved by somebody else"};
}

void transfer_book::matures_later(const account_key& of, amount value, time_ms due_ms, time_ms now_ms) {
  auto due_s = std::max((due_ms + 999) / 1000, now_ms / 1000 + 1);
  maturing_[{of.owner, of.currency, due_s}] += value;
}

void transfer_book::flush() {
  for (const auto& [key, value] : maturing_)
    put_buckets_.add(std::get<0>(key), std::get<1>(key), std::get<2>(key), value);
  maturing_.clear();
  if (!put_buckets_.flush()) throw store_unavailable{"earnings could not be written"};
}

}  // namespace troupe::sql
