// Jobs that wait, through the real cast: deadlines, parents, another time, another life.
#include "tests/support/fake_agent.hpp"

using namespace troupe;
using kinds = std::vector<std::string>;

namespace {

submission behind(std::vector<std::string> parents) {
  auto s = house_world::noop();
  s.spec.parents = std::move(parents);
  return s;
}

submission until(time_ms expires_ms) {
  auto s = house_world::noop();
  s.expires_ms = expires_ms;
  return s;
}

errc refusal(house_world& w, submission s) {
  auto done = w.must(w.actors().wallets.get(), submit_jobs{house_world::user, {w.entry(std::move(s))}});
  return done.results.at(0).why;
}

void run_one(fake_agent& n, const std::string& id, run_outcome how = run_outcome::succeeded) {
  auto lease = n.start(id);
  n.finish(lease, fake_agent::done(how));
}

errc redrive(house_world& w, const std::string& id, const std::string& key = {}, const char* user = house_world::user) {
  redrive_job ask{id, user, {}, key.empty() ? "" : "scope", key, "hash", "first answer"};
  auto answer = w.ask(w.actors().jobs.get(), ask);
  auto* bad = std::get_if<failure>(&answer);
  return bad == nullptr ? errc::ok : bad->code;
}

}  // namespace

TEST_CASE("a job that no node takes in time expires, gives its money back, and says so once") {
  house_world w;
  auto id = w.submit(until(w.wall + 5'000));
  auto held = w.balance(house_world::user).held;
  CHECK(held > 0);
  w.pass(4'900);
  CHECK(w.state(id) == job_state::queued);
  CHECK(w.pass_until([&] { return w.state(id) == job_state::expired; }, 2'500));
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(w.balance(house_world::user).balance == 100 * one);
  CHECK(w.events(id) == kinds{"queued", "failed"});
  CHECK(w.row(id).error_code == "expired");
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  w.pass(12'000);
  CHECK_FALSE(n.has_order(id));
  w.books_are_right();
}

TEST_CASE("a deadline that passed while nobody was there is found after the start") {
  house_world w;
  auto id = w.submit(until(w.wall + 5'000));
  auto later = house_world::noop();
  later.run_at_ms = w.wall + 4'000;
  later.expires_ms = w.wall + 5'000;
  auto scheduled = w.submit(later);
  w.close();
  w.wall += 60'000;
  w.restart();
  w.pass(2'000);
  CHECK(w.state(id) == job_state::expired);
  CHECK(w.state(scheduled) == job_state::expired);
  w.books_are_right();
}

TEST_CASE("a job that began in time is not ended by its deadline, one that has to begin again is") {
  house_world w;
  fake_agent n{w, "n1", 2};
  REQUIRE(n.join());
  auto runs = w.submit(until(w.wall + 3'000)), again = w.submit(until(w.wall + 3'000));
  n.start(runs);
  auto lease = n.start(again);
  w.pass(6'000);
  CHECK(w.state(runs) == job_state::running);
  n.finish(lease, fake_agent::done(run_outcome::node_fault));
  CHECK(w.pass_until([&] { return w.state(again) == job_state::expired; }, 3'000));
  w.books_are_right();
}

TEST_CASE("a child waits for all its parents, with its money held, and then runs at once") {
  house_world w;
  fake_agent n{w, "n1", 2};
  REQUIRE(n.join());
  auto a = w.submit(), b = w.submit();
  auto child = w.submit(behind({a, b}));
  CHECK(w.state(child) == job_state::blocked);
  CHECK(w.balance(house_world::user).held == 3 * 262'500'000);
  run_one(n, a);
  w.pass(12'000);
  CHECK(w.state(child) == job_state::blocked);
  CHECK_FALSE(n.has_order(child));
  run_one(n, b);
  CHECK(n.has_order(child));  // no clock was turned: the bell rang
  run_one(n, child);
  CHECK(w.events(child) == kinds{"blocked", "queued", "started", "completed"});
  w.books_are_right();
}

TEST_CASE("a failed parent ends its children and their children, and all money comes back") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto parent = w.submit();
  auto child = w.submit(behind({parent}));
  auto grandchild = w.submit(behind({child}));
  run_one(n, parent, run_outcome::failed);
  w.pass(1'000);
  CHECK(w.state(child) == job_state::cancelled);
  CHECK(w.row(child).error_code == "parent_failed");
  CHECK(w.state(grandchild) == job_state::cancelled);
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(refusal(w, behind({parent})) == errc::conflict);
  w.books_are_right();
}

TEST_CASE("a job depends only on jobs that are there, its owner's, and not failed") {
  house_world w;
  auto parent = w.submit();
  CHECK(refusal(w, behind({"job_none"})) == errc::not_found);
  auto e = w.entry(behind({parent}));
  e.insert.row.user_id = house_world::provider;
  e.insert.row.hold = 0;
  auto done = w.must(w.actors().wallets.get(), submit_jobs{house_world::provider, {std::move(e)}});
  CHECK(done.results.at(0).why == errc::not_found);
  w.must(w.actors().jobs.get(), cancel_job{parent, house_world::user});
  CHECK(refusal(w, behind({parent})) == errc::conflict);
  CHECK(w.balance(house_world::user).held == 0);
  w.books_are_right();
}

TEST_CASE("a child of jobs that are done already goes on at once") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto parent = w.submit();
  run_one(n, parent);
  auto child = w.submit(behind({parent}));
  CHECK(n.has_order(child));
  w.books_are_right();
}

TEST_CASE("the end of a parent wakes its child though everyone died in between") {
  house_world w;
  auto n = std::make_unique<fake_agent>(w, "n1");
  REQUIRE(n->join());
  auto parent = w.submit();
  auto child = w.submit(behind({parent}));
  auto lease = n->start(parent);
  w.faults.on_apply = [&](const change& c) {  // the child's step is lost, whatever it is
    if (c.moves && c.moves->next.id == child) throw store_unavailable{"the process dies here"};
  };
  n->finish(lease, fake_agent::done(run_outcome::succeeded));
  CHECK(w.state(parent) == job_state::succeeded);
  CHECK(w.state(child) == job_state::blocked);
  n->hang_up();
  w.close();
  w.faults.on_apply = {};
  w.restart();
  w.pass(2'000);
  CHECK(w.state(child) == job_state::queued);
  w.books_are_right();
}

TEST_CASE("a child is cancelled while it waits, and its parent's end finds nobody") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto parent = w.submit();
  auto child = w.submit(behind({parent}));
  w.must(w.actors().jobs.get(), cancel_job{child, house_world::user});
  run_one(n, parent);
  w.pass(2'000);
  CHECK(w.state(child) == job_state::cancelled);
  CHECK(w.events(child) == kinds{"blocked", "cancelled"});
  w.books_are_right();
}

TEST_CASE("an owner puts a job off and brings it forward again: strangers cannot") {
  house_world w;
  auto id = w.submit();
  amend_job later{id, house_world::user, 9, w.wall + 20'000};
  auto strange = later;
  strange.user_id = house_world::provider;
  CHECK(std::get<failure>(w.ask(w.actors().jobs.get(), strange)).code == errc::not_found);
  w.must(w.actors().jobs.get(), later);
  CHECK(w.state(id) == job_state::scheduled);
  CHECK(w.row(id).priority == 9);
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  w.pass(6'000);
  CHECK_FALSE(n.has_order(id));
  w.must(w.actors().jobs.get(), amend_job{id, house_world::user, -1, 0});
  w.run();
  CHECK(n.has_order(id));
  CHECK(std::get<failure>(w.ask(w.actors().jobs.get(), later)).code == errc::conflict);
  w.books_are_right();
}

TEST_CASE("a job put off starts at its new time") {
  house_world w;
  auto s = house_world::noop();
  s.run_at_ms = w.wall + 60'000;
  auto id = w.submit(s);
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  w.must(w.actors().jobs.get(), amend_job{id, house_world::user, -1, w.wall + 2'000});
  w.pass(1'800);
  CHECK_FALSE(n.has_order(id));
  w.pass(400);
  CHECK(n.has_order(id));
}

TEST_CASE("a failed job lives again on new money, is paid again, and the books know both lives") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  auto lease = n.start(id);
  w.pass(3'600);
  n.finish(lease, fake_agent::done(run_outcome::failed, 3'600));
  REQUIRE(w.state(id) == job_state::failed);
  auto first_cost = w.row(id).cost;
  CHECK(first_cost == 262'500);
  CHECK(redrive(w, id) == errc::ok);
  CHECK(w.balance(house_world::user).held == 262'500'000);
  CHECK(n.has_order(id));
  n.finish(lease, fake_agent::done(run_outcome::succeeded, 3'600));  // of the first life
  CHECK(w.row(id).attempts == 0);
  auto second = n.start(id);
  CHECK(second.epoch > lease.epoch);
  w.pass(3'600);
  n.finish(second, fake_agent::done(run_outcome::succeeded, 3'600));
  CHECK(w.state(id) == job_state::succeeded);
  CHECK(w.balance(house_world::user).balance == 100 * one - 2 * first_cost);
  CHECK(w.balance(house_world::user).held == 0);
  CHECK(redrive(w, id) == errc::conflict);
  CHECK(w.events(id) == kinds{"queued", "started", "failed", "queued", "started", "completed"});
  CHECK(w.reader().transactions(house_world::user, 50, 0, id).size() == 8);
  w.books_are_right();
}

TEST_CASE("a redrive needs the money, its owner, and a job that failed: a key makes it happen once") {
  house_world w;
  fake_agent n{w, "n1"};
  REQUIRE(n.join());
  auto id = w.submit();
  CHECK(redrive(w, id) == errc::conflict);
  run_one(n, id, run_outcome::failed);
  CHECK(redrive(w, id, {}, house_world::provider) == errc::not_found);
  CHECK(redrive(w, "job_none") == errc::not_found);
  auto rest = w.balance(house_world::user).balance;
  change spend;
  spend.transfers.push_back({"t-1",
                             transfer_code::stake,
                             {house_world::user, account_kind::available, asset::dgpu},
                             {house_world::user, account_kind::stake, asset::dgpu},
                             rest,
                             ""});
  w.commit(spend);
  CHECK(redrive(w, id) == errc::insufficient_funds);
  CHECK(w.state(id) == job_state::failed);
  spend.transfers[0].id = "t-2";
  std::swap(spend.transfers[0].debit, spend.transfers[0].credit);
  w.commit(spend);
  CHECK(redrive(w, id, "key-1") == errc::ok);
  run_one(n, id, run_outcome::failed);
  CHECK(redrive(w, id, "key-1") == errc::ok);  // the first answer
  CHECK(w.state(id) == job_state::failed);
  CHECK(redrive(w, id, "key-2") == errc::ok);
  CHECK(w.row(id).hold_id.ends_with(".2"));
  w.books_are_right();
}
