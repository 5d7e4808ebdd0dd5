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
    return stand(spot::waiting);
  }
  naive_step operator()(const in::claim& x) {
    if (j.at != spot::waiting) return no();
    ++j.grants;
    ++j.vain;
    j.begun = false;
    j.node = x.node_id;
    j.provider = x.provider_user;
    j.rate = x.node_rate;
    j.granted_ms = now;
    return stand(spot::offered);
  }
  naive_step operator()(const in::reject& x) {
    if (x.epoch != j.grants || j.at != spot::offered) return no();
    return give_back();
  }
  naive_step operator()(const in::start& x) {
    if (x.epoch != j.grants || j.at != spot::offered) return no();
    begin();
    return stand(spot::busy, "started");
  }
  naive_step operator()(const in::progress& x) {
    if (x.epoch != j.grants || j.at != spot::busy) return no();
    j.progress = std::min(1'000'000, std::max(j.progress, x.ppm));
    return stand(spot::busy, "progress");
  }
  naive_step operator()(const in::finish& x);
  naive_step operator()(const in::lost& x) {
    if (x.epoch != j.grants || !has_node(j.at)) return no();
    if (j.at == spot::offered) return give_back();
    if (j.at == spot::busy) return try_again();
    return over(ending::cancelled, 0, 0);
  }
  naive_step operator()(const in::deadline& x) {
    if (x.epoch != j.grants || j.at != spot::busy) return no();
    return try_again();
  }
  naive_step operator()(const in::cancel&) {
    if (j.at == spot::over || j.at == spot::stopping) return no();
    if (j.at == spot::busy) return stand(spot::stopping, "cancelling");
    if (j.at == spot::offered) ++j.grants;
    return over(ending::cancelled, 0, 0);
  }
  naive_step operator()(const in::grace_over& x) {
    if (x.epoch != j.grants || j.at != spot::stopping) return no();
    ++j.grants;
    return over(ending::cancelled, 0, 0);
  }
  naive_step operator()(const in::quarantine&) {
    if (j.at == spot::over) return no();
    if (has_node(j.at)) ++j.grants;
    return over(ending::dead, 0, 0);
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
    static const char* const words[] = {"", "completed", "failed", "cancelled", "failed"};
    auto s = stand(spot::over, words[static_cast<int>(how)]);
    j.end = how;
    j.cost = subtotal + fee;
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
    return stand(spot::parked, "retrying");
  }
  void begin() {
    if (j.begun) return;
    j.begun = true;
    j.vain = 0;
    ++j.starts;
  }
  wide full_price(const troupe::run_report&) const;
  naive_step pay(ending how, const troupe::run_report&);

  naive_job& j;
  time_ms now;
};

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
naive_step listener::pay(ending how, const troupe::run_report& r) {
  auto fee = [&](wide subtotal) { return up(subtotal * j.fee_bps, 10'000); };
  wide low = 0, high = std::min<wide>(full_price(r), j.hold);
  j.has_result = true;
  if (j.fee_inside) {
    auto to_platform = std::min(fee(high), high);
    return over(how, static_cast<amount>(high - to_platform), static_cast<amount>(to_platform));
  }
  while (low < high) {
    auto middle = (low + high + 1) / 2;
    if (middle + fee(middle) <= j.hold)
      low = middle;
    else
      high = middle - 1;
  }
  return over(how, static_cast<amount>(low), static_cast<amount>(fee(low)));
}

naive_step listener::operator()(const in::finish& x) {
  if (x.epoch != j.grants || j.grants == 0 || j.at == spot::over) return no();
  if (!x.node_id.empty() && x.node_id != j.node) return no();
  auto won = x.report.outcome == run_outcome::succeeded;
  if (!won && !has_node(j.at)) return no();
  begin();
  if (won) {
    j.progress = 1'000'000;
    return pay(ending::won, x.report);
  }
  if (x.report.outcome == run_outcome::failed) return pay(ending::failed, x.report);
  if (j.at != spot::stopping) return try_again();
  if (x.report.outcome == run_outcome::cancelled) return pay(ending::cancelled, x.report);
  return over(ending::cancelled, 0, 0);
}

}  // namespace

naive_step naive_job::hear(const troupe::any_job_input& input, time_ms now) {
  return std::visit(listener{*this, now}, input);
}

}  // namespace simulate
