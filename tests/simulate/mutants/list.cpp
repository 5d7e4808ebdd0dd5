// One line of the product each. A line that was changed must be changed here, too: the build says which.
#include "tests/simulate/mutants/list.hpp"

namespace simulate {

namespace {

constexpr std::string_view machine = "model/job.cpp";
constexpr std::string_view waiting = "model/job_waiting.cpp";
constexpr std::string_view dependencies = "persistence/dependency_book.cpp";
constexpr std::string_view price = "model/job_price.cpp";
constexpr std::string_view job_change = "actors/job_change.cpp";
constexpr std::string_view accounts = "persistence/account_book.cpp";
constexpr std::string_view transfers = "persistence/transfer_book.cpp";
constexpr std::string_view holds = "persistence/hold_book.cpp";
constexpr std::string_view jobs = "persistence/job_book.cpp";
constexpr std::string_view writer = "persistence/writer.cpp";
constexpr std::string_view people = "persistence/people_book.cpp";

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
      {"a late failure is believed", machine, "f.report.outcome != run_outcome::succeeded || j.leased_ms == 0",
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
      // Waiting
      {"a late job is granted", machine, "j.state != job_state::queued || is_late(j, now)",
       "j.state != job_state::queued"},
      {"a job expires before its time", waiting, "!is_waiting(j.state) || !is_late(j, now)", "!is_waiting(j.state)"},
      {"a retry may be put off", waiting, "!is_waiting(j.state) || j.state == job_state::retry_wait",
       "!is_waiting(j.state)"},
      {"anything that is over lives again", waiting, "j.state != job_state::failed && j.state != job_state::dead",
       "!is_terminal(j.state)"},
      {"another life keeps the epoch", waiting, "next.lease_epoch += 1;", ";"},
      {"another life is paid by the old hold", waiting, "next.hold_id = x.hold_id;", ";"},
      {"another life begins with the old cost", waiting, "next.cost = 0;", ";"},
      {"the store lets anything live again", jobs,
       "(state == job_state::failed || state == job_state::dead) && now.epoch < next.lease_epoch", "true"},
      {"an end is not told to the children", dependencies, "note_ends(well, done_well);", ";"},
      {"a failure is told to the children as a success", dependencies, "note_ends(badly, done_badly);",
       "note_ends(badly, done_well);"},
      {"a child goes on before its parents", dependencies, "!any_undone_.any(next.id)", "true"},
      {"a child depends on a stranger's job", dependencies, "p.user_id != x.row.user_id", "false"},
      {"a child depends on what has failed", dependencies, "done_word(p.state) == done_badly", "false"},
      {"an end in the same group is overlooked", dependencies, "end != turned_.end()", "false"},
      // Prices
      {"time is rounded down", price, "mul_div_ceil(j.node_rate, ran_ms, 3'600'000)",
       "mul_div_floor(j.node_rate, ran_ms, 3'600'000)"},
      {"the fee is rounded down", price, "mul_div_ceil(paid.subtotal, j.fee_bps, 10'000)",
       "mul_div_floor(paid.subtotal, j.fee_bps, 10'000)"},
      {"no room is left for the fee", price, "mul_div_floor(room, 10'000, 10'000 + j.fee_bps)",
       "std::optional<amount>{room}"},
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
      {"a forced cancel is not paid", machine, "end(j, job_state::cancelled, \"cancelled\", metered, now)",
       "end(j, job_state::cancelled, \"cancelled\", {}, now)"},
      {"the grace of a cancel is paid", machine, "std::min(now, j.rare.cancel_ms)", "now"},
      {"cancelling in the queue pays the hold", machine, "return end(j, job_state::cancelled, \"cancelled\", {}, now);",
       "return end(j, job_state::cancelled, \"cancelled\", {j.hold, 0}, now);"},
      {"the cost leaves out the fee", machine, "s.next.cost = paid.subtotal + paid.fee + accrued_total(j);",
       "s.next.cost = paid.subtotal + accrued_total(j);"},
      {"what accrued is no part of the cost", machine, "s.next.cost = paid.subtotal + paid.fee + accrued_total(j);",
       "s.next.cost = paid.subtotal + paid.fee;"},
      // Attempts that were sent away
      {"a preempted attempt can still finish", machine,
       "s.next.lease_epoch += 1;\n  s.next.max_attempts += 1;\n  s.next.leased_ms = 0;",
       "s.next.max_attempts += 1;\n  s.next.leased_ms = j.leased_ms;"},
      {"a preempted attempt is charged", machine,
       "s.next.lease_epoch += 1;\n  s.next.max_attempts += 1;\n  s.next.leased_ms = 0;",
       "s.next.lease_epoch += 1;\n  s.next.leased_ms = 0;"},
      {"a preempted attempt is due nothing", machine, "known->subtotal += paid.subtotal;", ";"},
      {"every preempted attempt has a creditor of its own", machine, "(known == all.end())", "(true)"},
      {"what accrued is not paid", job_change, "j.rare.accrued", "decltype(j.rare.accrued){}"},
      {"what accrued may be spent again", price, "j.hold - accrued_total(j)", "j.hold"},
      {"a node that drains makes a job poison", machine, "if (r.draining) counted.deliveries -= 1;", ";"},
      // Holds that grow with a job, and other dangers of a long life
      {"a hold grows in the row only", job_change, "s.grows > 0", "false"},
      {"a hold grows too early", price, "static_cast<__int128>(j.hold) * 9", "static_cast<__int128>(j.hold) * 8"},
      {"a hold grows too late", price, "*soon < has", "*used < has"},
      {"a hold grows beyond the timeout", price, "std::min(wanted, *most)", "wanted"},
      {"an extension is not counted", machine, "s.next.rare.hold_steps += 1;", ";"},
      {"a job may lose nodes for ever", machine, "std::ssize(lost_on) >= limits::poison_nodes", "false"},
      {"a node that is lost twice is two nodes", machine,
       "std::find(lost_on.begin(), lost_on.end(), j.node_id) == lost_on.end()", "true"},
      {"silence is told again and again", machine, "s.next.rare.stall_due_ms = 0;\n  s.event = \"stalled\";",
       "s.event = \"stalled\";"},
      {"less than no tokens are kept", job_change, "std::max<int64_t>(0, *count)", "*count"},
      // Money
      {"the wrong one is paid", job_change, "j.provider_user", "j.user_id"},
      {"who was sent away is not paid", holds, "if (!pay(c.code, x.provider, x.value, ++step)) return false;",
       "++step;"},
      {"an end leaves the hold open", job_change, "(s.settle)", "decltype(s.settle){}"},
      // Fencing, in the books
      {"the store does not compare the version", jobs, "now->version == next.version - 1",
       "now->version >= next.version - 1"},
      {"the store does not compare the epoch", jobs, "newest && !now->ended && now->epoch <= next.lease_epoch",
       "newest && !now->ended"},
      {"the store lets an ended job go on", jobs, "newest && !now->ended && now->epoch <= next.lease_epoch",
       "newest && now->epoch <= next.lease_epoch"},
      {"two attempts of one epoch", jobs, "!old || refuse(r, errc::conflict, about + \" is already there\")", "true"},
      {"an older session of a node is heard", people, "n.session_epoch == 0 || n.session_epoch == epoch", "true"},
      // Money, in the books
      {"an account may be overdrawn", accounts, "!is_guarded(key(at)) || free(at) >= value", "true"},
      {"what is held may be spent", accounts, "!is_guarded(key(at)) || free(at) >= value",
       "!is_guarded(key(at)) || balance(at) >= value"},
      {"a transfer is posted again", transfers, "(!same)", "(true)"},
      {"one id, two amounts", transfers, "old->what.value == t.value", "true"},
      {"one id, two receivers", transfers, "old->what.credit == t.credit", "true"},
      {"a transfer below nothing", transfers, "t.value <= 0", "t.value == 0"},
      {"one asset becomes another", transfers, "t.debit.currency != t.credit.currency", "false"},
      {"a correction of a correction", transfers, "old->what.code == transfer_code::correction", "false"},
      {"a correction twice", transfers, "accounts_.find_post(id)",
       "(accounts_.find_post(id), std::optional<posted>{})"},
      {"a correction of what was spent", transfers,
       "!accounts_.can_spend(from, value, r) || !accounts_.move(from, to, value, r)",
       "!accounts_.move(from, to, value, r)"},
      {"earnings mature before their time", transfers, "c.matures && c.matures->due_s > now_ms / 1000", "false"},
      {"earnings mature again and again", transfers,
       "delete_bucket_.run(c.matures->owner, c.matures->currency, c.matures->due_s)", "1"},
      {"more matures than is there", transfers, "std::min(value, accounts_.free(from))", "value"},
      {"a hold reserves nothing", holds, "accounts_.hold(at, h.value);", ";"},
      {"an extension reserves nothing", holds, "accounts_.hold(at, x.value);", ";"},
      {"an extension comes twice", holds, "x.step != h->steps + 1", "false"},
      {"a part is captured twice", holds, "c.step != 0 && c.step != h->steps + 1", "false"},
      {"what was not used stays held", holds, "accounts_.hold(from, c.step == 0 ? -left : -paid);",
       "accounts_.hold(from, -paid);"},
      {"a partial capture gives the rest back", holds, "accounts_.hold(from, c.step == 0 ? -left : -paid);",
       "accounts_.hold(from, -left);"},
      {"a part forgets the parts before", holds, "h->value - h->captured", "h->value"},
      {"the fee is not taken", holds, "pay(transfer_code::platform_fee, platform, c.paid.fee, c.step)", "true"},
      {"the fee is taken twice", holds, "pay(transfer_code::platform_fee, platform, c.paid.fee, c.step)",
       "pay(transfer_code::platform_fee, platform, 2 * c.paid.fee, c.step)"},
      {"more is captured than held", holds, "(value > left)", "(false)"},
      {"a hold is settled twice", holds, "h->state != state_open", "false"},
      {"a hold is settled by another job", holds, "h->job_id != job_id", "false"},
      {"a ceiling does not bind", holds, "left >= value", "true"},
      {"a ceiling does not count", holds, "commit_to(h, o.value);", ";"},
      {"an extension slips under the ceiling", holds, "commit_to(h, c.extends->value);", ";"},
      {"a release gives nothing back to the ceiling", holds, "commit_to(h, -h.released);", ";"},
      // Requests, groups and crashes, in the books
      {"the Idempotency-Key is ignored", writer, "c.once && s.answers.answers(*c.once, r)", "false"},
      {"a key serves two requests", writer, "old.request_hash == once.request_hash", "true"},
      {"an acknowledged group is lost", writer, "s.db->commit();", "s.db->exec(\"ROLLBACK\");"},
      {"a group that was given up is kept", writer, "session_.reset();\n    open();",
       "{ auto& s = here(); s.flush(); s.db->commit(); session_.reset(); open(); }"},
      {"holds of a group are forgotten", writer, "holds.flush();", ";"},
      {"events of a group are forgotten", writer, "events.flush();", ";"},
      {"first answers are forgotten after the group", writer,
       "insert_.add(x.scope, x.key, x.request_hash, x.status, x.body, now_ms);", ";"},
      {"an address is taken twice", people, "!taken || refuse(r, errc::conflict, \"already registered\")", "true"},
  };
  return all;
}

}  // namespace simulate
