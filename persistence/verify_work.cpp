// The work side: holds against their journal rows, jobs against their holds, attempts and results.
#include <algorithm>
#include <map>
#include <tuple>

#include "persistence/breaches.hpp"
#include "persistence/columns.hpp"

namespace troupe::sql {

namespace {

constexpr int state_open = 1;

struct hold_line {
  std::string id, job_id;
  int64_t account = 0;
  amount value = 0, captured = 0, released = 0;
  int state = 0;
  std::string job, held_by;  // its job, empty: there is none; and the hold that the job names
};

/// A redriven job has one for each of its lives; only the newest may be open.
bool is_of_earlier_life(const hold_line& h) {
  auto earlier = hold_before(h.held_by);
  while (!earlier.empty() && earlier != h.id) earlier = hold_before(earlier);
  return earlier == h.id && h.state != state_open;
}

void look_at(audit& a, const hold_line& h) {
  auto about = "hold " + h.id;
  a.found.holds += 1;
  audited_hold none;
  auto known = a.holds.find(h.id);
  auto& due = known == a.holds.end() ? none : known->second;
  due.seen = true;
  auto captured = due.provider + due.fee;
  if (h.value != due.taken) a.breach(about + ": its amount is not what the journal reserved");
  if (h.captured != captured) a.breach(about + ": captured is not what the journal says");
  if (h.released != due.released) a.breach(about + ": released is not what the journal says");
  auto strange = due.account != 0 && (due.account != h.account || due.job_id != h.job_id);
  if (due.mixed || strange) a.breach(about + ": a journal row of it is of another account or job");
  auto resolved = wide{h.captured} + h.released;
  auto right = h.state == state_open ? h.released == 0 && resolved <= h.value : resolved == h.value;
  if (!right) a.breach(about + ": captured and released do not fit its state");
  if (h.job_id.starts_with("ses_") || h.job_id.starts_with("wdr_")) return;
  if (h.job.empty())
    a.breach(about + ": there is no job " + h.job_id);
  else if (h.held_by != h.id && !is_of_earlier_life(h))
    a.breach(about + ": job " + h.job_id + " has another hold");
}

/// A job with all that is said of it elsewhere.
struct job_line {
  job row;
  int64_t ended = 0;
  int64_t newest = 0, succeeded = 0;  // of its attempts
  int64_t hold_state = 0;             // 0: there is no such hold
  amount hold_value = 0, hold_captured = 0;
  std::string hold_job;
  bool paying = false;  // its newest attempt is paid for what it ran
  int64_t ran_ms = 0, in = 0, out = 0, cached = 0;
  amount accrued = 0, preempted = 0;  // what its attempts are due: all of them, and those that were preempted
};

void look_at_attempts(audit& a, const job_line& x) {
  const auto& j = x.row;
  if (x.newest > j.lease_epoch) a.breach("job " + j.id + ": an attempt is newer than its lease epoch");
  auto expected = j.state == job_state::succeeded ? 1 : 0;
  if (x.succeeded != expected)
    a.breach("job " + j.id + ": " + std::to_string(x.succeeded) + " succeeded attempts, state " +
             std::string{to_string(j.state)});
}

void look_at_hold(audit& a, const job_line& x) {
  const auto& j = x.row;
  auto about = "job " + j.id + ": ";
  if (x.hold_state == 0) return a.breach(about + "there is no hold " + j.hold_id);
  if (x.hold_job != j.id) a.breach(about + "its hold is of another job");
  if (x.hold_value != j.hold) a.breach(about + "its hold is not the amount of the hold");
  if (x.hold_captured != j.cost) a.breach(about + "its cost is not what was captured");
  if ((x.hold_state == state_open) == is_terminal(j.state))
    a.breach(about + (is_terminal(j.state) ? "it has ended and its hold is open" : "it lives and its hold is closed"));
}

/// An attempt whose report became the result, or that was ended by force, is paid by its own time or tokens; so were
/// those that were preempted before.
void look_at_price(audit& a, const job_line& x) {
  const auto& j = x.row;
  settlement due;
  if (std::min({x.ran_ms, x.in, x.out, x.cached, j.hold, j.fee_bps, j.node_rate, j.price_in, j.price_out,
                j.price_cached}) < 0)
    return a.breach("job " + j.id + ": a time, price or amount is below nothing");
  if (accrued_total(j) != x.preempted || x.preempted > j.hold)
    return a.breach("job " + j.id + ": what accrued is not what its attempts are due");
  if (is_terminal(j.state) && x.accrued != j.cost)
    a.breach("job " + j.id + ": its cost is not what its attempts are due");
  if (x.paying && is_terminal(j.state)) due = price_of(j, x.ran_ms, x.in, x.out, x.cached);
  for (const auto& earlier : j.rare.accrued) {
    if (!is_terminal(j.state)) break;
    due.subtotal += earlier.subtotal;
    due.fee += earlier.fee;
  }
  auto paid = a.holds.find(j.hold_id);
  auto provider = paid == a.holds.end() ? wide{0} : paid->second.provider;
  auto fee = paid == a.holds.end() ? wide{0} : paid->second.fee;
  if (provider != due.subtotal || fee != due.fee) a.breach("job " + j.id + ": it was not paid at its price");
}

void look_at(audit& a, const job_line& x) {
  const auto& j = x.row;
  a.found.jobs += 1;
  if (is_terminal(j.state) != (x.ended > 0)) a.breach("job " + j.id + ": its state and its end differ");
  look_at_attempts(a, x);
  if (!j.hold_id.empty()) {
    look_at_hold(a, x);
    look_at_price(a, x);
  } else if (j.hold != 0 || j.cost != 0) {
    a.breach("job " + j.id + ": money without a hold");
  }
}

std::string prefixed(std::string_view prefix, const std::string& columns) {
  std::string text{prefix};
  for (auto c : columns) {
    text += c;
    if (c == ',') text += prefix;
  }
  return text;
}

/// The newest attempt is paid with the result, or without one when its end was forced. Those of an earlier life were
/// paid out of its hold.
const std::string each_job =
    "SELECT " + prefixed("j.", job_columns) +
    ",j.ended,(SELECT coalesce(max(epoch),0) FROM attempts WHERE job_id=j.id),"
    "(SELECT count(*) FROM attempts WHERE job_id=j.id AND outcome=" +
    std::to_string(static_cast<int>(attempt_outcome::succeeded)) +
    "),coalesce(h.state,0),coalesce(h.amount,0),coalesce(h.captured,0),coalesce(h.job_id,''),"
    "CASE WHEN a.job_id IS NULL THEN 0 WHEN r.job_id IS NOT NULL AND a.epoch=j.lease_epoch"
    " THEN 1 WHEN a.accrued>0 AND j.state=" +
    std::to_string(static_cast<int>(job_state::cancelled)) + " AND a.outcome<>" +
    std::to_string(static_cast<int>(attempt_outcome::preempted)) +
    " THEN 1 ELSE 0 END,coalesce(a.ran_ms,0),"
    "coalesce(r.prompt_tokens,0),coalesce(r.completion_tokens,0),coalesce(r.cached_tokens,0),"
    "(SELECT CAST(coalesce(sum(accrued),0) AS BIGINT) FROM attempts WHERE job_id=j.id AND past=0),"
    "(SELECT CAST(coalesce(sum(accrued),0) AS BIGINT) FROM attempts WHERE job_id=j.id"
    " AND past=0 AND outcome=" +
    std::to_string(static_cast<int>(attempt_outcome::preempted)) +
    ")"
    " FROM jobs j LEFT JOIN holds h ON h.id=j.hold_id"
    " LEFT JOIN results r ON r.job_id=j.id AND r.epoch=j.lease_epoch"
    " LEFT JOIN attempts a ON a.job_id=j.id AND a.epoch="
    "(SELECT max(epoch) FROM attempts WHERE job_id=j.id AND past=0)"
    " WHERE j.id>? ORDER BY j.id LIMIT ?";

}  // namespace

void audit_holds(audit& a) {
  auto take = [&](row& r) {
    hold_line h;
    r(h.id, h.job_id, h.account, h.value, h.captured, h.released, h.state, h.job, h.held_by);
    look_at(a, h);
    return h.id;
  };
  each_row(
      a.db,
      "SELECT h.id,h.job_id,h.account,h.amount,h.captured,h.released,h.state,coalesce(j.id,''),coalesce(j.hold_id,'')"
      " FROM holds h LEFT JOIN jobs j ON j.id=h.job_id WHERE h.id>? ORDER BY h.id LIMIT ?",
      std::string{}, take);
  for (const auto& [id, h] : a.holds)
    if (!h.seen) a.breach("the journal has rows of hold " + id + ", which is not there");
}

void audit_jobs(audit& a) {
  auto take = [&](row& r) {
    job_line x;
    r(x.row, x.ended, x.newest, x.succeeded, x.hold_state, x.hold_value, x.hold_captured, x.hold_job, x.paying,
      x.ran_ms, x.in, x.out, x.cached, x.accrued, x.preempted);
    look_at(a, x);
    return x.row.id;
  };
  each_row(a.db, each_job, std::string{}, take);
}

/// A ceiling counts what its holds have taken and not given back.
void audit_spending(audit& a) {
  std::map<std::tuple<std::string, std::string, int64_t>, wide> due;
  auto take = [&](row& r) {
    std::string id;
    amount value = 0, released = 0;
    int64_t currency = 0;
    std::vector<std::string> words;
    r(id, value, released, currency, words);
    for (size_t i = 0; i + 2 < words.size(); i += 3) due[{words[i], words[i + 1], currency}] += value - released;
    return id;
  };
  each_row(a.db,
           "SELECT h.id,h.amount,h.released,a.asset,h.guards FROM holds h JOIN accounts a ON a.id=h.account"
           " WHERE h.guards<>'' AND h.id>? ORDER BY h.id LIMIT ?",
           std::string{}, take);
  statement all{a.db, "SELECT scope,period,asset,committed FROM spending"};
  all.each([&](row& r) {
    std::string scope, period;
    int64_t currency = 0;
    amount committed = 0;
    r(scope, period, currency, committed);
    auto& expected = due[{scope, period, currency}];
    if (expected != committed) a.breach("the limit of " + scope + " " + period + ": its sum is not that of its holds");
    expected = 0;
  });
  for (const auto& [key, left] : due)
    if (left != 0) a.breach("the limit of " + std::get<0>(key) + " " + std::get<1>(key) + " is not counted");
}

}  // namespace troupe::sql
