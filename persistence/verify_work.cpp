// The work side: holds against their journal rows, jobs against their holds, attempts and results.
#include <algorithm>

#include "persistence/breaches.hpp"
#include "persistence/columns.hpp"

namespace troupe::sqlite {

namespace {

constexpr int state_open = 1;

struct hold_line {
  std::string id, job_id;
  int64_t account = 0;
  amount value = 0, captured = 0, released = 0;
  int state = 0;
};

class hold_audit {
public:
  explicit hold_audit(audit& a) : a_{a} {}

  void look_at(const hold_line& h) {
    auto about = "hold " + h.id;
    a_.found.holds += 1;
    auto taken = amount_of(h, transfer_code::hold);
    auto captured = wide{amount_of(h, transfer_code::provider_share)} + amount_of(h, transfer_code::platform_fee);
    auto released = amount_of(h, transfer_code::release);
    if (h.value != taken) a_.breach(about + ": its amount is not what the journal reserved");
    if (h.captured != captured) a_.breach(about + ": captured is not what the journal says");
    if (h.released != released) a_.breach(about + ": released is not what the journal says");
    auto resolved = wide{h.captured} + h.released;
    auto right = h.state == state_open ? resolved == 0 : resolved == h.value;
    if (!right) a_.breach(about + ": captured and released do not fit its state");
    std::string named;
    if (!find_job_.first([&](row& r) { r(named); }, h.job_id))
      a_.breach(about + ": there is no job " + h.job_id);
    else if (named != h.id)
      a_.breach(about + ": job " + h.job_id + " has another hold");
  }
  int64_t rows() const { return rows_; }

private:
  amount amount_of(const hold_line& h, transfer_code code) {
    amount value = 0;
    int64_t debit = 0;
    std::string hold_id, job_id;
    auto read = [&](row& r) { r(value, debit, hold_id, job_id); };
    if (!find_row_.first(read, hold_row_id(h.id, code))) return 0;
    if (hold_id == h.id) rows_ += 1;
    if (debit != h.account || job_id != h.job_id)
      a_.breach("hold " + h.id + ": a journal row of it is of another account or job");
    return value;
  }

  audit& a_;
  statement find_row_{a_.db, "SELECT amount,debit,hold_id,job_id FROM journal WHERE id=?"};
  statement find_job_{a_.db, "SELECT hold_id FROM jobs WHERE id=?"};
  int64_t rows_ = 0;
};

class job_audit {
public:
  explicit job_audit(audit& a) : a_{a} {}

  void look_at(const job& j, int64_t ended) {
    a_.found.jobs += 1;
    if (is_terminal(j.state) != (ended > 0)) a_.breach("job " + j.id + ": its state and its end differ");
    look_at_attempts(j);
    if (j.hold_id.empty()) {
      if (j.hold != 0 || j.cost != 0) a_.breach("job " + j.id + ": money without a hold");
      return;
    }
    look_at_hold(j);
    look_at_price(j);
  }

private:
  void look_at_attempts(const job& j) {
    int64_t all = 0, different = 0, newest = 0, succeeded = 0;
    attempts_.first([&](row& r) { r(all, different, newest, succeeded); }, attempt_outcome::succeeded, j.id);
    if (all != different) a_.breach("job " + j.id + ": two attempts of one epoch");
    if (newest > j.lease_epoch) a_.breach("job " + j.id + ": an attempt is newer than its lease epoch");
    auto expected = j.state == job_state::succeeded ? 1 : 0;
    if (succeeded != expected)
      a_.breach("job " + j.id + ": " + std::to_string(succeeded) + " succeeded attempts, state " +
                std::string{to_string(j.state)});
  }

  void look_at_hold(const job& j) {
    hold_line h;
    if (!find_hold_.first([&](row& r) { r(h.job_id, h.value, h.captured, h.state); }, j.hold_id)) {
      a_.breach("job " + j.id + ": there is no hold " + j.hold_id);
      return;
    }
    auto about = "job " + j.id + ": ";
    if (h.job_id != j.id) a_.breach(about + "its hold is of another job");
    if (h.value != j.hold) a_.breach(about + "its hold is not the amount of the hold");
    if (h.captured != j.cost) a_.breach(about + "its cost is not what was captured");
    if ((h.state == state_open) == is_terminal(j.state))
      a_.breach(about +
                (is_terminal(j.state) ? "it has ended and its hold is open" : "it lives and its hold is closed"));
  }

  /// Only an attempt whose report became the result is paid, and by its own time or tokens.
  void look_at_price(const job& j) {
    int64_t ran_ms = 0, in = 0, out = 0, cached = 0;
    auto paying = find_paying_.first([&](row& r) { r(ran_ms, in, out, cached); }, j.id, j.lease_epoch);
    settlement due;
    if (std::min({ran_ms, in, out, j.hold, j.fee_bps, j.node_rate, j.price_in, j.price_out, j.price_cached}) < 0) {
      a_.breach("job " + j.id + ": a time, price or amount is below nothing");
      return;
    }
    if (paying && is_terminal(j.state)) due = price_of(j, ran_ms, in, out, cached);
    if (captured(j, transfer_code::provider_share) != due.subtotal ||
        captured(j, transfer_code::platform_fee) != due.fee)
      a_.breach("job " + j.id + ": it was not paid at its price");
  }

  amount captured(const job& j, transfer_code code) {
    amount value = 0;
    find_row_.first([&](row& r) { r(value); }, hold_row_id(j.hold_id, code));
    return value;
  }

  audit& a_;
  statement attempts_{a_.db,
                      "SELECT count(*),count(DISTINCT epoch),coalesce(max(epoch), 0),"
                      "coalesce(sum(outcome=?), 0) FROM attempts WHERE job_id=?"};
  statement find_hold_{a_.db, "SELECT job_id,amount,captured,state FROM holds WHERE id=?"};
  statement find_paying_{a_.db,
                         "SELECT a.ran_ms,r.prompt_tokens,r.completion_tokens,r.cached_tokens FROM results r"
                         " JOIN attempts a ON a.job_id=r.job_id AND a.epoch=r.epoch"
                         " WHERE r.job_id=? AND r.epoch=?"};
  statement find_row_{a_.db, "SELECT amount FROM journal WHERE id=?"};
};

}  // namespace

void audit_holds(audit& a) {
  hold_audit each_hold{a};
  statement all{a.db, "SELECT id,job_id,account,amount,captured,released,state FROM holds"};
  all.each([&](row& r) {
    hold_line h;
    r(h.id, h.job_id, h.account, h.value, h.captured, h.released, h.state);
    each_hold.look_at(h);
  });
  if (each_hold.rows() != a.hold_rows) a.breach("the journal has rows of holds that are not there");
}

void audit_jobs(audit& a) {
  job_audit each_job{a};
  statement all{a.db, "SELECT " + job_columns + ",ended FROM jobs"};
  all.each([&](row& r) {
    job j;
    int64_t ended = 0;
    r(j, ended);
    each_job.look_at(j, ended);
  });
}

}  // namespace troupe::sqlite
