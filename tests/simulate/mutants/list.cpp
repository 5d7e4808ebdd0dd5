// One line of the product each. A line that was changed must be changed here, too: the build says which.
#include "tests/simulate/mutants/list.hpp"

namespace simulate {

namespace {

constexpr std::string_view machine = "model/job.cpp";
constexpr std::string_view price = "model/job_price.cpp";
constexpr std::string_view job_change = "actors/job_change.cpp";

}  // namespace

const std::vector<mutant>& mutants() {
  static const std::vector<mutant> all{
      // Fencing
      {"an old epoch is believed", machine, "epoch != j.lease_epoch", "epoch > j.lease_epoch"},
      {"any epoch is believed", machine, "epoch != j.lease_epoch", "false"},
      {"another node may report", machine, "!f.node_id.empty() && f.node_id != j.node_id", "false"},
      {"a claim keeps the epoch: a late finisher is paid after a re-claim", machine,
       "s.next.lease_epoch += 1;\n  s.next.deliveries += 1;", "s.next.deliveries += 1;"},
      {"a cancelled lease keeps its epoch", machine,
       "s.next.lease_epoch += 1;\n      s.attempt = attempt_outcome::cancelled;",
       "s.attempt = attempt_outcome::cancelled;"},
      {"a finished job finishes again", machine, "!late && !is_granted(j.state)", "false"},
      {"a late failure is believed", machine, "f.report.outcome != run_outcome::succeeded || j.lease_epoch == 0",
       "false"},
      {"a step does not count the version", machine, "s.next.version = j.version + 1;", ";"},
      // Lives
      {"one try too many", machine, "j.attempts >= j.max_attempts", "j.attempts > j.max_attempts"},
      {"poison is delivered for ever", machine, "j.deliveries >= limits::deliveries_max", "false"},
      {"due before its time", machine, "j.run_at_ms > now", "false"},
      {"an end leaves its slot taken", machine, "s.next.finished_ms = now;\n  s.vacates = is_granted(j.state);",
       "s.next.finished_ms = now;"},
      {"an end is told twice", job_change, "if (!s.event.empty()) c.events.push_back(event_of(s.next, s, now_ms));",
       "for (int i = s.settle ? 2 : 1; i > 0 && !s.event.empty(); --i)"
       " c.events.push_back(event_of(s.next, s, now_ms));"},
      {"an end is not told", job_change, "if (!s.event.empty()) c.events.push_back(event_of(s.next, s, now_ms));",
       "if (!s.event.empty() && !s.settle) c.events.push_back(event_of(s.next, s, now_ms));"},
      // Prices
      {"time is rounded down", price, "mul_div_ceil(j.node_rate, ran_ms, 3'600'000)",
       "mul_div_floor(j.node_rate, ran_ms, 3'600'000)"},
      {"the fee is rounded down", price, "mul_div_ceil(paid.subtotal, j.fee_bps, 10'000)",
       "mul_div_floor(paid.subtotal, j.fee_bps, 10'000)"},
      {"no room is left for the fee", price, "mul_div_floor(j.hold, 10'000, 10'000 + j.fee_bps)",
       "std::optional<amount>{j.hold}"},
      {"an inclusive fee is paid on top, too", price, "paid.subtotal = total - paid.fee;", "paid.subtotal = total;"},
      {"cached tokens cost what the others do", price, "j.price_cached > 0 ? j.price_cached : j.price_in",
       "j.price_in"},
      {"more cached tokens than the prompt has are believed", price, "std::clamp<int64_t>(cached, 0, prompt)",
       "std::max<int64_t>(cached, 0)"},
      {"a node's own clock is paid", machine,
       "std::clamp<int64_t>(reported_ms, 0, std::max<int64_t>(0, now - j.leased_ms))",
       "std::max<int64_t>(0, reported_ms)"},
      {"a cancelled run is not paid", machine, "end(j, job_state::cancelled, \"cancelled\", paid, now)",
       "end(j, job_state::cancelled, \"cancelled\", {}, now)"},
      {"cancelling in the queue pays the hold", machine, "return end(j, job_state::cancelled, \"cancelled\", {}, now);",
       "return end(j, job_state::cancelled, \"cancelled\", {j.hold, 0}, now);"},
      {"the cost leaves out the fee", machine, "s.next.cost = paid.subtotal + paid.fee;",
       "s.next.cost = paid.subtotal;"},
      {"less than no tokens are kept", job_change, "std::max<int64_t>(0, *count)", "*count"},
      // Money
      {"the wrong one is paid", job_change, "before.provider_user", "before.user_id"},
      {"an end leaves the hold open", job_change, "(s.settle)", "decltype(s.settle){}"},
  };
  return all;
}

}  // namespace simulate
