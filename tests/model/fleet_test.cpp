// Trust is declared, reliability is counted, quarantines grow, and poison blames nobody.
#include "model/fleet.hpp"

#include <doctest/doctest.h>

#include "model/change.hpp"
#include "model/node_mark.hpp"

using namespace troupe;

TEST_CASE("trust follows from the attestation and what is vouched for, and is at most one") {
  node_record x;
  CHECK(fleet::trust_ppm(x) == 300'000);
  x.attestation = "mobile";
  CHECK(fleet::trust_ppm(x) == 500'000);
  x.attestation = "tpm";
  x.has_tpm = x.secure_boot = true;
  CHECK(fleet::trust_ppm(x) == 850'000);
  x.attestation = "tee";
  x.has_tee = true;
  CHECK(fleet::trust_ppm(x) == 1'000'000);
  CHECK(fleet::is_attestation("tee"));
  CHECK_FALSE(fleet::is_attestation("TEE"));
  CHECK_FALSE(fleet::is_attestation(""));
}

TEST_CASE("a new node has nine tenths of reliability, and earns or loses the rest") {
  node_record x;
  CHECK(fleet::reliability_ppm(x) == 900'000);
  x.good = 90;
  CHECK(fleet::reliability_ppm(x) == 990'000);
  x.good = 0;
  x.bad = 10;
  CHECK(fleet::reliability_ppm(x) == 450'000);
  x.good = x.bad = fleet::recent_max;
  CHECK(fleet::reliability_ppm(x) > 0);
}

TEST_CASE("each quarantine in a row is twice as long, two hours at most, and two quiet hours begin anew") {
  node_record x;
  int64_t now = 100'000'000;
  for (auto minutes : {10, 20, 40, 80, 120, 120}) {
    auto next = fleet::next_quarantine(x, now);
    CHECK(next.until_ms - now == minutes * 60'000);
    x.quarantined_until_ms = next.until_ms;
    x.quarantines = next.quarantines;
    now = next.until_ms + 1;
  }
  CHECK(fleet::next_quarantine(x, x.quarantined_until_ms + 7'199'999).quarantines == 7);
  CHECK(fleet::next_quarantine(x, x.quarantined_until_ms + 7'200'000).quarantines == 1);
}

namespace {

job granted(job_state state) {
  job j;
  j.id = "job_1";
  j.state = state;
  j.node_id = "node_1";
  j.node_session = 7;
  j.provider_user = "user_1";
  return j;
}
step ended(attempt_outcome how, job_state next = job_state::retry_wait) {
  step s;
  s.attempt = how;
  s.next.state = next;
  return s;
}

}  // namespace

TEST_CASE("the end of an attempt is praise, blame, or neither") {
  auto running = granted(job_state::running);
  run_report report;
  auto kind = [&](const job& before, const step& s) { return mark_of(before, s, report, 120'000).value().kind; };
  CHECK(kind(running, ended(attempt_outcome::succeeded, job_state::succeeded)) == node_mark_kind::succeeded);
  CHECK(kind(granted(job_state::queued), ended(attempt_outcome::succeeded)) == node_mark_kind::late);
  CHECK(kind(running, ended(attempt_outcome::timed_out, job_state::failed)) == node_mark_kind::failed);
  auto silent = ended(attempt_outcome::timed_out);
  silent.stop_node = true;
  CHECK(kind(running, silent) == node_mark_kind::fault);
  report.outcome = run_outcome::failed;
  CHECK(kind(running, ended(attempt_outcome::failed, job_state::failed)) == node_mark_kind::failed);
  report.outcome = run_outcome::node_fault;
  auto fault = mark_of(running, ended(attempt_outcome::failed), report, 1).value();
  CHECK(fault.kind == node_mark_kind::fault);
  CHECK(fault.incident == "job_1");
  CHECK(mark_of(running, ended(attempt_outcome::lost), report, 1)->incident == "session 7");
  CHECK(mark_of(granted(job_state::leased), ended(attempt_outcome::rejected), report, 120'001)->incident == "minute 2");
  CHECK_FALSE(mark_of(granted(job_state::leased), ended(attempt_outcome::lost), report, 1));
  CHECK_FALSE(mark_of(running, ended(attempt_outcome::cancelled), report, 1));
  CHECK_FALSE(mark_of(running, ended(attempt_outcome::open), report, 1));
  CHECK_FALSE(mark_of(running, step{}, report, 1));
}

TEST_CASE("a poisonous job blames no node, and the gateway's own node is never struck") {
  auto s = ended(attempt_outcome::lost, job_state::dead);
  s.next.error_code = "poison";
  CHECK(mark_of(granted(job_state::running), s, {}, 1)->kind == node_mark_kind::forgiven);
  s.next.error_code = "lost";
  CHECK(mark_of(granted(job_state::running), s, {}, 1)->kind == node_mark_kind::lost);
  auto own = granted(job_state::running);
  own.provider_user = platform_owner;
  CHECK(mark_of(own, ended(attempt_outcome::lost), {}, 1)->incident.empty());
}
