// The rules again: fencing by the count of grants, the budget of starts, and the price list.
#include "tests/simulate/naive_job.hpp"

#include <algorithm>

namespace simulate {

namespace {

namespace in = troupe::job_input;
using troupe::run_outcome;

constexpr int vain_most = 5;

wide up(wide a, wide b) { return a / b + (a % b != 0 ? 1 : 0); }

class listener {
public:
  listener(naive_job& j, time_ms now) : j{j}, now{now} {}

  naive_step operator()(const in::due&) {
    if (j.at != spot::parked || now < j.due_ms) return no();
    j.pausing = false;
    return stand(spot::waiting);
  }
  naive_step operator()(const in::claim& x) {
    if (j.at != spot::waiting || (j.expires_ms > 0 && now >= j.expires_ms)) return no();
    ++j.grants;
    ++j.vain;
    j.begun = false;
    j.grant_counts = true;
    j.node = x.node_id;
    j.provider = x.provider_user;
    j.rate = x.node_rate;
    j.granted_ms = now;
    return stand(spot::offered);
  }
  naive_step operator()(const in::reject& x) {
    if (x.epoch != j.grants || j.at != spot::offered) return no();
    if (x.draining) --j.vain;
    return give_back();
  }
  naive_step operator()(const in::start& x) {
    if (x.epoch != j.grants || j.at != spot::offered) return no();
    begin();
    j.started_ms = now;
    j.loud_ms = j.patience_ms > 0 ? now + j.patience_ms : 0;
    return stand(spot::busy, "started");
  }
  naive_step operator()(const in::progress& x) {
    if (x.epoch != j.grants || j.at != spot::busy) return no();
    j.progress = std::min(1'000'000, std::max(j.progress, x.ppm));
    j.loud_ms = j.patience_ms > 0 ? now + j.patience_ms : 0;
    return stand(spot::busy, "progress");
  }
  naive_step operator()(const in::finish& x);
  naive_step operator()(const in::lost& x) {
    if (x.epoch != j.grants || !has_node(j.at)) return no();
    if (j.at == spot::offered) return give_back();
    if (j.at == spot::stopping) return pay_until_asked();
    j.graves.insert(j.node);
    return j.graves.size() >= 3 ? over(ending::dead, 0, 0) : try_again();
  }
  naive_step operator()(const in::deadline& x) {
    if (x.epoch != j.grants || j.at != spot::busy) return no();
    return try_again();
  }
  naive_step operator()(const in::cancel&) {
    if (j.at == spot::over || j.at == spot::stopping) return no();
    if (j.at == spot::busy) return stop("cancelling");
    if (j.at == spot::offered) ++j.grants;
    return over(ending::cancelled, 0, 0);
  }
  naive_step operator()(const in::grace_over& x) {
    if (x.epoch != j.grants || j.at != spot::stopping) return no();
    ++j.grants;
    return pay_until_asked();
  }
  naive_step operator()(const in::funds& x) {
    if (x.epoch != j.grants || j.at != spot::busy) return no();
    return stop("funds");
  }
  naive_step operator()(const in::stalled& x) {
    if (x.epoch != j.grants || j.at != spot::busy || j.loud_ms == 0 || now < j.loud_ms) return no();
    j.loud_ms = 0;
    return stand(spot::busy, "stalled");
  }
  naive_step operator()(const in::extend& x);
  naive_step operator()(const in::quarantine&) {
    if (j.at == spot::over) return no();
    if (has_node(j.at)) ++j.grants;
    return over(ending::dead, 0, 0);
  }

  naive_step operator()(const in::expire&) {
    auto waits = j.at == spot::blocked || j.at == spot::parked || j.at == spot::waiting;
    if (!waits || j.expires_ms == 0 || now < j.expires_ms) return no();
    return over(ending::expired, 0, 0);
  }
  naive_step operator()(const in::parents_done&) {
    if (j.at != spot::blocked) return no();
    return now < j.due_ms ? stand(spot::parked, "scheduled") : stand(spot::waiting, "queued");
  }
  naive_step operator()(const in::parent_failed&) {
    if (j.at != spot::blocked) return no();
    return over(ending::cancelled, 0, 0);
  }
  naive_step operator()(const in::amend& x);
  naive_step operator()(const in::redrive& x) {
    if (j.at != spot::over || (j.end != ending::failed && j.end != ending::dead)) return no();
    ++j.grants;
    j.starts = j.vain = 0;
    j.progress = 0;
    j.cost = 0;
    j.has_result = false;
    j.end = ending::none;
    j.expires_ms = j.due_ms = 0;
    j.hold_id = x.hold_id;
    j.node.clear();
    j.owed.clear();
    j.creditors.clear();
    j.graves.clear();
    j.kept = 0;
    j.started_ms = j.asked_ms = j.loud_ms = 0;
    j.grant_counts = false;
    return stand(spot::waiting, "queued");
  }

private:
  naive_step no() { return {}; }
  naive_step stand(spot where, std::string told = {}) {
    j.at = where;
    ++j.writes;
    naive_step s;
    s.believed = true;
    s.told = std::move(told);
    return s;
  }
  naive_step over(ending how, amount subtotal, amount fee) {
    static const char* const words[] = {"", "completed", "failed", "cancelled", "failed", "failed"};
    auto s = stand(spot::over, words[static_cast<int>(how)]);
    j.end = how;
    j.pausing = false;
    j.cost = subtotal + fee + j.owed_in_all();
    s.ends = true;
    s.pays = subtotal + fee > 0;
    s.subtotal = subtotal;
    s.fee = fee;
    return s;
  }
  naive_step give_back() {
    if (j.vain >= vain_most) return over(ending::dead, 0, 0);
    return stand(spot::waiting);
  }
  naive_step try_again() {
    if (j.starts >= j.budget) return over(ending::dead, 0, 0);
    j.progress = 0;
    j.loud_ms = 0;
    j.pausing = true;
    return stand(spot::parked, "retrying");
  }
  void begin() {
    if (j.begun) return;
    j.begun = true;
    j.started_ms = j.granted_ms;
    j.vain = 0;
    ++j.starts;
  }
  naive_step stop(const char* told) {
    j.asked_ms = now;
    return stand(spot::stopping, told);
  }
  /// Its node does not say how long it ran, so our clock does. Nobody else counted its tokens.
  naive_step pay_until_asked() {
    if (j.by_token) return over(ending::cancelled, 0, 0);
    troupe::run_report r;
    r.ran_ms = j.asked_ms - j.started_ms;
    auto [subtotal, fee] = share(r);
    return over(ending::cancelled, subtotal, fee);
  }
  naive_step preempt(const in::finish&);
  wide full_price(const troupe::run_report&) const;
  std::pair<amount, amount> share(const troupe::run_report&) const;
  naive_step pay(ending how, const troupe::run_report&);

  naive_job& j;
  time_ms now;
};

naive_step listener::operator()(const in::amend& x) {
  auto waits = j.at == spot::blocked || j.at == spot::waiting || (j.at == spot::parked && !j.pausing);
  auto when = x.run_at_ms < 0 ? j.due_ms : x.run_at_ms;
  if (!waits || x.priority > 9 || (j.expires_ms > 0 && when >= j.expires_ms)) return no();
  if (x.priority >= 0) j.priority = x.priority;
  j.due_ms = when;
  if (j.at == spot::blocked) return stand(spot::blocked);
  auto where = now < when ? spot::parked : spot::waiting;
  std::string told = where == j.at ? "" : where == spot::parked ? "scheduled" : "queued";
  return stand(where, told);
}

/// A node is not believed to have worked longer than it had the job, nor to have counted less than nothing.
wide listener::full_price(const troupe::run_report& r) const {
  if (!j.by_token) {
    wide ran = std::max<int64_t>(0, std::min<int64_t>(r.ran_ms, now - j.granted_ms));
    return up(wide{j.rate} * ran, 3'600'000);
  }
  wide prompt = std::max<int64_t>(0, r.prompt_tokens);
  wide completion = std::max<int64_t>(0, r.completion_tokens);
  if (prompt + completion < j.min_tokens) completion = j.min_tokens - prompt;
  wide known = std::min<wide>(prompt, std::max<int64_t>(0, r.cached_tokens));
  wide price_known = j.price_cached > 0 ? j.price_cached : j.price_in;
  return up((prompt - known) * j.price_in + known * price_known, 1'000'000) + up(completion * j.price_out, 1'000'000);
}

/// The price, or the most of it that leaves the fee on top of it inside the hold: found by halving.
std::pair<amount, amount> listener::share(const troupe::run_report& r) const {
  auto fee = [&](wide subtotal) { return up(subtotal * j.fee_bps, 10'000); };
  auto room = j.hold - j.owed_in_all();
  wide low = 0, high = std::min<wide>(full_price(r), room);
  if (j.fee_inside) {
    auto to_platform = std::min(fee(high), high);
    return {static_cast<amount>(high - to_platform), static_cast<amount>(to_platform)};
  }
  while (low < high) {
    auto middle = (low + high + 1) / 2;
    if (middle + fee(middle) <= room)
      low = middle;
    else
      high = middle - 1;
  }
  return {static_cast<amount>(low), static_cast<amount>(fee(low))};
}

naive_step listener::pay(ending how, const troupe::run_report& r) {
  j.has_result = true;
  auto [subtotal, fee] = share(r);
  return over(how, subtotal, fee);
}

/// Who was sent away is owed his pay, and is heard of no more; the try is given back.
naive_step listener::preempt(const in::finish& x) {
  auto [subtotal, fee] = share(x.report);
  if (!j.by_token && subtotal + fee > 0) {
    if (!j.owed.count(j.provider)) j.creditors.push_back(j.provider);
    j.owed[j.provider].first += subtotal;
    j.owed[j.provider].second += fee;
  }
  if (x.checkpoint_bytes > 0)
    j.kept = j.grants;
  else if (j.kept == 0)
    j.progress = 0;
  ++j.grants;
  ++j.budget;
  j.grant_counts = false;
  j.loud_ms = 0;
  return stand(spot::waiting, "preempted");
}

/// A tenth of the hold is left, or less than five seconds of it: one window more, but not beyond the longest run.
naive_step listener::operator()(const in::extend& x) {
  if (x.epoch != j.grants || j.at != spot::busy || j.window_ms == 0 || j.by_token) return no();
  auto price = [&](int64_t ms) {
    auto subtotal = up(wide{j.rate} * ms, 3'600'000);
    return j.fee_inside ? subtotal : subtotal + up(subtotal * j.fee_bps, 10'000);
  };
  auto ran = std::max<int64_t>(0, std::min(now - j.started_ms, j.limit_ms));
  wide room = j.hold - j.owed_in_all();
  auto low = 10 * (j.hold - room + price(ran)) >= wide{9} * j.hold || price(ran + 5'000) >= room;
  auto target = std::min(std::max(room, price(ran)) + price(j.window_ms), price(j.limit_ms));
  if (!low || price(j.limit_ms) > INT64_MAX || target <= room) return no();
  auto s = stand(spot::busy);
  s.grows = static_cast<amount>(target - room);
  j.hold += s.grows;
  return s;
}

naive_step listener::operator()(const in::finish& x) {
  if (x.epoch != j.grants || j.grants == 0 || j.at == spot::over) return no();
  if (!x.node_id.empty() && x.node_id != j.node) return no();
  auto won = x.report.outcome == run_outcome::succeeded;
  if (!has_node(j.at) && !(won && j.grant_counts)) return no();
  begin();
  auto sent_away = x.report.outcome == run_outcome::preempted;
  if (sent_away && j.at != spot::stopping) return preempt(x);
  if (won) {
    j.progress = 1'000'000;
    return pay(ending::won, x.report);
  }
  if (x.report.outcome == run_outcome::failed) return pay(ending::failed, x.report);
  if (j.at != spot::stopping) return try_again();
  if (sent_away || x.report.outcome == run_outcome::cancelled) return pay(ending::cancelled, x.report);
  return over(ending::cancelled, 0, 0);
}

}  // namespace

naive_step naive_job::hear(const troupe::any_job_input& input, time_ms now) {
  return std::visit(listener{*this, now}, input);
}

}  // namespace simulate
