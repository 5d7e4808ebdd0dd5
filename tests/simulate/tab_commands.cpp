// Holds that live longer than one answer, as those of billing sessions: they grow, are captured part by part, stand
// under ceilings, and what they pay matures later. And corrections of whatever was paid.
#include <algorithm>

#include "tests/simulate/commands.hpp"
#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

using troupe::account_kind;
using troupe::change;

const promise& hold_of(world& w, const std::string& tab) { return w.naive.books.holds().at("hold_" + tab); }

/// The same step again, or one too far, now and then: it must have no effect.
int32_t some_step(world& w, const promise& h) {
  auto next = h.steps + 1;
  return static_cast<int32_t>(w.random.one_in(6) ? std::max<int64_t>(1, next + w.random.between(-1, 1)) : next);
}

void hear(world& w, const change& c, const naive_answer& due, const char* what) {
  w.agree(w.apply(c), due);
  w.meet(what + to_string(due.why));
}

void capture(world& w, const std::string& tab, troupe::hold_close x) {
  auto& h = hold_of(w, tab);
  x.id = "hold_" + tab;
  if (x.job_id.empty()) x.job_id = tab;
  change c;
  c.closes = x;
  w.say("capture " + std::to_string(x.paid.subtotal) + " + " + std::to_string(x.paid.fee) + " of " + x.job_id +
        ", step " + std::to_string(x.step));
  w.fresh.owners.insert({h.whose.owner, x.provider.owner, "platform"});
  auto due = w.naive.books.capture(x, w.now);
  hear(w, c, due, "a tab: ");
  if (due.why != errc::ok) return;
  auto tail = x.step > 0 ? "/" + std::to_string(x.step) : "";
  w.payments.push_back(x.id + (w.random.one_in(2) ? "/provider" : "/fee") + tail);
}

troupe::hold_close part_of(world& w, const promise& h) {
  troupe::hold_close x;
  x.provider = {w.random.of(w.machines).owner, account_kind::earned, h.whose.currency};
  x.paid.subtotal = w.random.one_in(8) ? 0 : std::min(h.left(), w.random.any_size(10) - 1);
  x.paid.fee = std::min(h.left() - x.paid.subtotal, x.paid.subtotal / 20 + w.random.below(2));
  if (w.random.one_in(12)) x.paid.fee = h.left() - x.paid.subtotal + 1;
  if (w.random.one_in(20)) x.paid.subtotal = h.value + 1;
  if (w.random.one_in(30)) x.paid.fee = -1;
  if (w.random.one_in(20)) x.job_id = "ses_other";
  if (w.random.one_in(2)) x.matures_ms = w.now + w.random.between(-5'000, 60'000);
  return x;
}

/// Mostly open; one that is closed now and then.
std::string some_tab(world& w) { return w.tabs.empty() ? std::string{} : w.random.of(w.tabs); }

}  // namespace

std::vector<troupe::spend_guard> any_guards(world& w) {
  static const std::vector<std::string> periods{"2026-11-22", "2026-11", ""};
  std::vector<troupe::spend_guard> guards;
  for (auto scope : {"key:k", "user:u"})
    if (w.random.one_in(2))
      guards.push_back({scope + std::to_string(w.random.below(4)), w.random.of(periods), w.random.any_size(12)});
  return guards;
}

void open_tab(world& w) {
  auto id = w.new_id("ses_");
  auto kind = w.random.one_in(6) ? account_kind::stake : account_kind::available;
  auto currency = w.random.one_in(3) ? troupe::asset::credit : troupe::asset::dgpu;
  change c;
  c.opens = troupe::hold_open{"hold_" + id, id, {w.random.of(w.users), kind, currency}, w.random.any_size(10) - 1};
  if (w.random.one_in(2)) c.opens->guards = any_guards(w);
  w.say("open " + id + " of " + c.opens->account.owner + " with " + std::to_string(c.opens->value));
  w.touch(c.opens->account.owner);
  auto due = w.naive.books.reserve(*c.opens);
  hear(w, c, due, "a tab: ");
  if (due.why == errc::ok) w.fresh.new_tabs.push_back(id);
}

void extend_tab(world& w) {
  auto id = some_tab(w);
  if (id.empty()) return;
  auto& h = hold_of(w, id);
  change c;
  c.extends = troupe::hold_extend{"hold_" + id, id, some_step(w, h), w.random.any_size(10)};
  if (w.random.one_in(20)) c.extends->value = -c.extends->value;
  if (w.random.one_in(20)) c.extends->job_id = "ses_other";
  w.say("extend " + id + " by " + std::to_string(c.extends->value) + ", step " + std::to_string(c.extends->step));
  w.touch(h.whose.owner);
  hear(w, c, w.naive.books.extend(*c.extends), "a tab: ");
}

void capture_tab(world& w) {
  auto id = some_tab(w);
  if (id.empty()) return;
  auto x = part_of(w, hold_of(w, id));
  x.step = some_step(w, hold_of(w, id));
  capture(w, id, x);
}

void end_tab(world& w) {
  auto id = some_tab(w);
  if (!id.empty()) capture(w, id, part_of(w, hold_of(w, id)));
}

void close_tab(world& w, const std::string& id) {
  troupe::hold_close x;
  x.provider = {"prov_0", account_kind::earned, hold_of(w, id).whose.currency};
  if (hold_of(w, id).open) capture(w, id, x);
}

/// What is due, what is not yet due, and what was moved already.
void mature(world& w) {
  auto& buckets = w.naive.books.buckets();
  change c;
  if (w.matured.empty() || !w.random.one_in(4)) {
    if (buckets.empty()) return;
    auto bucket = buckets.begin();
    std::advance(bucket, w.random.below(std::ssize(buckets)));
    auto& [owner, currency, due_s] = bucket->first;
    c.matures = troupe::mature_move{owner, currency, due_s};
  } else {
    c.matures = w.random.of(w.matured);
  }
  w.say("mature " + c.matures->owner + " of second " + std::to_string(c.matures->due_s));
  w.touch(c.matures->owner);
  w.matured.push_back(*c.matures);
  hear(w, c, w.naive.books.mature(*c.matures, w.now), "a maturing: ");
}

void correct(world& w) {
  change c;
  c.corrects = troupe::correction{"t_" + std::to_string(w.random.below(w.next_id)), "a mistake"};
  if (!w.payments.empty() && w.random.one_in(2))
    c.corrects->transfer_id = w.random.one_in(3) ? w.payments.back() : w.random.of(w.payments);
  if (w.random.one_in(15)) c.corrects->transfer_id += "/correction";
  w.say("correct " + c.corrects->transfer_id);
  auto* old = w.naive.books.posted(c.corrects->transfer_id);
  if (old) w.fresh.owners.insert({old->debit.owner, old->credit.owner});
  auto due = w.naive.books.correct(*c.corrects);
  hear(w, c, due, "a correction: ");
  if (due.why == errc::ok) w.payments.push_back(c.corrects->transfer_id);
}

}  // namespace simulate
