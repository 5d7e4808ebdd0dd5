// People, nodes and money: what clients ask for, once or again, and what the twin makes of it.
#include "tests/simulate/commands.hpp"
#include "tests/simulate/world.hpp"

namespace simulate {

namespace {

using troupe::account_key;
using troupe::account_kind;
using troupe::asset;
using troupe::change;
using troupe::transfer;
using troupe::transfer_code;

asset any_asset(world& w) { return w.random.one_in(3) ? asset::credit : asset::dgpu; }

account_key issuance(asset a) { return {std::string{troupe::platform_owner}, account_kind::issuance, a}; }

account_key any_account(world& w, asset a) {
  if (w.random.one_in(4)) return {w.random.of(w.machines).owner, account_kind::earned, a};
  auto kind = w.random.one_in(6) ? account_kind::stake : account_kind::available;
  return {w.random.of(w.users), kind, a};
}

transfer any_transfer(world& w) {
  auto a = any_asset(w);
  transfer t{w.new_id("t_"), transfer_code::internal_transfer, any_account(w, a), any_account(w, a), 0, "a move"};
  t.value = w.random.any_size(10);
  switch (w.random.below(40)) {
    case 0: t.value = -t.value; break;
    case 1: t.value = 0; break;
    case 2: t.credit = t.debit; break;
    case 3: t.credit.currency = asset::eth; break;
    case 4: t.id.clear(); break;
    default: break;
  }
  return t;
}

transfer gift(world& w, asset a, amount value) {
  return {w.new_id("t_"), transfer_code::grant, issuance(a), {w.random.of(w.users), account_kind::available, a}, value,
          "a gift"};
}

void log_request(world& w, const char* name, const change& c) {
  std::string text = name;
  for (auto& t : c.transfers)
    text += " " + t.id + " " + t.debit.owner + ">" + t.credit.owner + " " + std::to_string(t.value);
  if (c.submits) text += " " + c.submits->row.id;
  if (c.opens) text += " of " + c.opens->account.owner + ", hold " + std::to_string(c.opens->value);
  if (c.once) text += ", key " + c.once->key + "/" + c.once->request_hash;
  w.say(std::move(text));
}

/// The same id with another content, or the same key with another body.
void distort(world& w, change& c) {
  if (c.once && w.random.one_in(2)) {
    c.once->request_hash += "'";
    return;
  }
  if (c.transfers.empty()) return;
  auto& t = c.transfers[0];
  switch (w.random.below(5)) {
    case 0: t.value += 1; break;
    case 1: t.note += "!"; break;
    case 2: t.credit.owner = "user_other"; break;
    case 3: t.debit = any_account(w, t.credit.currency); break;
    default: t.code = transfer_code::deposit; break;
  }
}

naive_job born(const troupe::job& j) {
  naive_job n;
  n.id = j.id;
  n.user = j.user_id;
  n.hold_id = j.hold_id;
  n.currency = j.currency;
  n.by_token = j.pricing == troupe::pricing_mode::by_token;
  n.fee_inside = j.fee_inclusive;
  n.price_in = j.price_in;
  n.price_out = j.price_out;
  n.price_cached = j.price_cached;
  n.min_tokens = j.min_tokens;
  n.fee_bps = j.fee_bps;
  n.hold = j.hold;
  n.budget = j.max_attempts;
  n.window_ms = j.rare.hold_window_ms;
  n.patience_ms = j.rare.stall_ms;
  n.limit_ms = j.timeout_ms;
  n.at = j.state == troupe::job_state::scheduled ? spot::parked : spot::waiting;
  n.due_ms = j.run_at_ms;
  n.expires_ms = j.expires_ms;
  n.priority = j.priority;
  return n;
}

naive_job born(world& w, const troupe::job_insert& x) {
  auto n = born(x.row);
  if (x.spec.parents.empty()) return n;
  n.at = spot::blocked;
  n.all_parents.insert(x.spec.parents.begin(), x.spec.parents.end());
  for (auto& id : x.spec.parents)
    if (w.naive.jobs.at(id).at != spot::over) n.parents.insert(id);
  return n;
}

/// A parent must be there, be of the same user, and not have failed.
naive_answer ask_parents(world& w, const troupe::job_insert& x) {
  for (auto& id : x.spec.parents) {
    auto found = w.naive.jobs.find(id);
    if (found == w.naive.jobs.end() || found->second.user != x.row.user_id) return {errc::not_found};
    if (found->second.at == spot::over && found->second.end != ending::won) return {errc::conflict};
  }
  return {};
}

/// The first answer stands, whatever else the request says.
bool was_answered(world& w, const change& c, const troupe::change_result& real) {
  if (!c.once) return false;
  auto known = w.naive.answers.find({c.once->scope, c.once->key});
  if (known == w.naive.answers.end()) return false;
  auto& first = known->second;
  if (first.request_hash != c.once->request_hash) {
    w.expect(real.why == errc::key_reused && !real.replayed, "a key was taken again for another request");
    w.meet("a key with another request");
    return true;
  }
  auto same = real.why == errc::ok && real.replayed && real.status == first.status && real.body == first.body;
  w.expect(same, "a request came again and was not answered as at first");
  w.meet("a request again");
  return true;
}

naive_answer open(world& w, const troupe::hold_open& h, const std::string& job_id) {
  auto poor = w.naive.books.at(h.account).free() < h.value;
  if (!poor && h.value >= 0 && w.naive.jobs.count(job_id)) return {errc::conflict};
  return w.naive.books.reserve(h);
}

}  // namespace

void request(world& w, const change& c) {
  auto real = w.apply(c);
  if (was_answered(w, c, real)) return;
  w.expect(!real.replayed, "a first request was taken for a second one");
  naive_answer due;
  if (!c.transfers.empty()) due = w.naive.books.pay(c.transfers);
  if (c.submits) due = ask_parents(w, *c.submits);
  if (c.opens && due.why == errc::ok) due = open(w, *c.opens, c.submits->row.id);
  w.agree(real, due);
  w.meet("a request: " + to_string(due.why));
  for (auto& t : c.transfers) w.fresh.owners.insert({t.debit.owner, t.credit.owner});
  if (c.opens) w.touch(c.opens->account.owner);
  if (due.why != errc::ok) return;
  if (c.submits) {
    auto& row = c.submits->row;
    w.naive.jobs[row.id] = born(w, *c.submits);
    w.fresh.new_jobs.push_back(row.id);
    w.fresh.jobs.insert(row.id);
  }
  for (auto& e : c.events) w.naive.events[e.user_id].push_back({e.job_id, e.kind, e.value, false});
  if (c.once) w.naive.answers[{c.once->scope, c.once->key}] = *c.once;
}

void register_user(world& w) {
  auto id = w.new_id("user_");
  auto email = id + "@x";
  auto twice = w.random.one_in(3);
  if (twice) email = w.random.of(w.users) + "@X";  // the case of an address does not count
  w.say("register " + id + " " + email);
  change c;
  c.user = troupe::user_row{id, email, "", "", "secret"};
  auto lower = email.substr(0, email.size() - 1) + "x";
  auto taken = w.naive.logins.count(lower) > 0;
  auto real = w.apply(c);
  w.expect(real.why == (taken ? errc::conflict : errc::ok), "an address was taken twice, or refused though free");
  if (taken) return;
  w.naive.logins[lower] = id;
  if (w.users.size() < 12 && !twice) w.users.push_back(id);
}

void join_node(world& w) {
  auto& m = w.random.of(w.machines);
  w.say("join " + m.id);
  change c;
  c.node = troupe::node_row{m.id, m.id, m.owner, "", "online"};
  c.node->slots = m.slots;
  auto real = w.apply(c);
  auto& seen = w.naive.nodes[m.id];
  w.expect(real.why == errc::ok && real.session_epoch == ++seen.session, "a node did not get the next session");
}

void beat_node(world& w) {
  auto& m = w.random.of(w.machines);
  auto now = w.naive.nodes[m.id].session;
  auto session = std::max<int64_t>(1, now - w.random.below(2));
  w.say("beat " + m.id + " session " + std::to_string(session));
  change c;
  c.node = troupe::node_row{m.id, m.id, m.owner, "", "online", session};
  auto real = w.apply(c);
  w.expect((real.why == errc::ok) == (session == now), "a node of an older session was heard");
}

void grant(world& w) {
  change c;
  c.transfers.push_back(gift(w, any_asset(w), w.random.any_size(11)));
  if (w.random.one_in(3)) c.once = troupe::idempotency_row{"deposit", w.new_id("key_"), "h1", 200, c.transfers[0].id};
  if (w.random.one_in(2)) {
    troupe::event_row e;
    e.user_id = c.transfers[0].credit.owner;
    e.kind = "deposit";
    e.value = c.transfers[0].value;
    c.events.push_back(e);
  }
  w.said.push_back(c);
  log_request(w, "grant", c);
  request(w, c);
}

/// In an asset of its own: whoever has all the money there is stands in the way of every other grant.
void grant_too_much(world& w) {
  change c;
  c.transfers.push_back(gift(w, asset::sol, INT64_MAX - w.random.any_size(18)));
  if (w.random.one_in(2)) std::swap(c.transfers[0].debit, c.transfers[0].credit);
  log_request(w, "grant too much", c);
  request(w, c);
}

void move_money(world& w) {
  change c;
  c.transfers.push_back(any_transfer(w));
  w.said.push_back(c);
  log_request(w, "move", c);
  request(w, c);
}

/// All or nothing, also when the second spends what the first brought, and when both have one id.
void linked_transfers(world& w) {
  change c;
  c.transfers = {any_transfer(w), any_transfer(w)};
  auto [first, second] = std::tie(c.transfers[0], c.transfers[1]);
  if (w.random.one_in(2)) second.debit = first.credit;
  if (w.random.one_in(2)) second.credit.currency = second.debit.currency = first.debit.currency;
  if (w.random.one_in(6)) second = first;
  if (w.random.one_in(12)) second.id = first.id;
  w.said.push_back(c);
  log_request(w, "two transfers", c);
  request(w, c);
}

void repeat_request(world& w) {
  if (w.said.empty()) return;
  auto c = w.said[static_cast<size_t>(w.random.below(std::ssize(w.said)))];
  if (w.random.one_in(3)) distort(w, c);
  log_request(w, "again:", c);
  request(w, c);
}

}  // namespace simulate
