// Changes that no honest actor builds, or only one that has been replaced: the store itself must refuse them, whole.
#include "actors/job_change.hpp"
#include "tests/simulate/commands.hpp"
#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

namespace in = troupe::job_input;
using troupe::account_kind;
using troupe::change;

const naive_job* any_job(world& w) {
  if (w.jobs.empty()) return nullptr;
  return &w.naive.jobs.at(w.random.of(w.jobs));
}

void must_refuse(world& w, const change& c, const char* law) {
  auto real = w.apply(c);
  if (real.why == errc::ok) throw broken{std::string{"the store took "} + law};
  w.meet(std::string{"refused: "} + law);
  if (c.closes) w.touch(c.closes->provider.owner);
  w.touch("platform");
}

/// What an actor of the same job would do that has not seen the newest steps.
std::optional<change> change_of_old_row(world& w) {
  if (w.old_rows.empty()) return {};
  auto& row = w.random.of(w.old_rows);
  auto& newest = w.naive.jobs.at(row.id);
  if (row.version == newest.writes) return {};
  in::finish f;
  f.epoch = row.lease_epoch;
  f.report.ran_ms = w.random.any_size(5);
  f.report.completion_tokens = w.random.any_size(4);
  const std::vector<troupe::any_job_input> all{
      f, f, in::cancel{}, in::claim{"node_0", 1, "prov_0", 5}, in::start{row.lease_epoch}, in::lost{row.lease_epoch}};
  auto& input = w.random.of(all);
  auto s = troupe::advance(row, input, w.now);
  if (s.why != errc::ok) return {};
  w.fresh.jobs.insert(row.id);
  w.touch(newest.user);
  return troupe::change_of(row, {}, s, f.report, w.now);
}

}  // namespace

void stale_actor(world& w) {
  auto c = change_of_old_row(w);
  if (!c) return;
  auto& next = c->moves->next;
  w.say("an actor of old wants " + next.id + " " + std::string{to_string(next.state)} + ", version " +
        std::to_string(next.version));
  must_refuse(w, *c, "a step from an old row");
}

/// A close of its own, with nothing else in the change: captured beyond the hold, of another job, twice, below nothing.
void close_badly(world& w) {
  auto* j = any_job(w);
  if (j == nullptr) return;
  auto& h = w.naive.books.holds().at(j->hold_id);
  change c;
  c.closes = troupe::hold_close{j->hold_id, j->id, {"prov_0", account_kind::earned, j->currency}, {h.value / 2, 1}};
  auto& x = *c.closes;
  switch (w.random.below(7)) {
    case 0: x.paid = {h.value + 1, 0}; break;
    case 1: x.paid = {h.value, 1 + w.random.any_size(3)}; break;
    case 2: x.paid = {INT64_MAX, INT64_MAX}; break;
    case 3: x.job_id = "job_other"; break;
    case 4: x.id = "hold_other"; break;
    case 5: x.paid = {-1, 1}; break;
    default: x.paid = {h.value / 2, -1}; break;
  }
  if (!h.open) x.job_id = j->id;  // a hold that is settled stays so, whatever the rest says
  w.say("close " + x.id + " of " + x.job_id + " badly: " + std::to_string(x.paid.subtotal) + " + " +
        std::to_string(x.paid.fee) + (h.open ? "" : ", settled"));
  w.touch(j->user);
  must_refuse(w, c, "a bad end of a hold");
}

void move_badly(world& w) {
  auto* j = any_job(w);
  if (j == nullptr) return;
  change c;
  c.moves = troupe::job_update{w.row_of(j->id)};
  auto& next = c.moves->next;
  next.version += 1;
  auto how = w.random.below(6);
  if (how == 0) next.lease_epoch -= 1;
  if (how == 1) next.version += 1;
  if (how == 2) next.version -= 1;
  if (how == 3) next.id = "job_other";
  if (how == 4 && j->at != spot::over) return;  // else it is the right next version, but the job has ended
  if (how == 5) {                               // an attempt of an epoch that has one
    if (next.deliveries == 0 && next.attempts == 0) return;
    c.attempt = troupe::attempt_row{j->id, next.lease_epoch, "node_0", 1, troupe::attempt_outcome::open, 0, w.now};
    c.moves.reset();
    if (j->grants == 0 || !has_node(j->at)) return;
  }
  w.say("move " + j->id + " badly, in way " + std::to_string(how));
  w.fresh.jobs.insert(j->id);
  must_refuse(w, c, "a step that skips, repeats or turns back");
}

void hold_badly(world& w) {
  auto* j = any_job(w);
  if (j == nullptr) return;
  change c;
  c.opens = troupe::hold_open{w.new_id("hold_bad_"), j->id, {j->user, account_kind::available, j->currency}, 1};
  auto free = w.naive.books.at(c.opens->account).free();
  switch (w.random.below(5)) {
    case 0: c.opens->value = -1; break;
    case 1: c.opens->id = j->hold_id; break;
    case 2: c.opens->account = {"platform", account_kind::issuance, j->currency}; break;
    case 3: c.opens->id.clear(); break;
    default: c.opens->value = free + w.random.any_size(6); break;
  }
  w.say("hold badly " + c.opens->id + " " + std::to_string(c.opens->value));
  w.touch(j->user);
  must_refuse(w, c, "a bad hold");
}

/// A good gift in one change with a bad part: nothing of it may stay.
void half_good(world& w) {
  auto c = change_of_old_row(w);
  if (!c) return;
  auto& user = w.random.of(w.users);
  c->transfers.push_back({w.new_id("t_"),
                          troupe::transfer_code::grant,
                          {"platform", account_kind::issuance, troupe::asset::dgpu},
                          {user, account_kind::available, troupe::asset::dgpu},
                          1'000,
                          "never"});
  c->once = troupe::idempotency_row{"deposit", w.new_id("key_"), "h1", 200, "never"};
  w.say("a gift to " + user + " with an old step of " + c->moves->next.id);
  w.touch(user);
  must_refuse(w, *c, "a change of which one part is bad");
}

}  // namespace simulate
