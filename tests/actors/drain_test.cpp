// Nodes that drain: nothing new, nothing failed, and what ran goes on elsewhere from its checkpoint.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

constexpr int64_t piece = limits::checkpoint_piece_bytes;

void drain(house_world& w, const fake_agent& a, int64_t after_ms) {
  change c;
  c.drains = node_drain{a.id, after_ms < 0 ? 0 : w.wall + after_ms};
  w.commit(c);
  caf::anon_send(w.actors().nodes.get(), send_drain{a.id});
  w.run();
}

job_finished preempted(const lease_ref& lease, int64_t ran_ms, int64_t checkpoint_bytes) {
  return {lease, fake_agent::done(run_outcome::preempted, ran_ms), checkpoint_bytes};
}

/// Whether the gateway has it for good.
bool put(house_world& w, fake_agent& a, const lease_ref& lease, int32_t index, int32_t count, std::string bytes) {
  auto answer = w.ask(a.gateway, put_checkpoint{a.session, lease, index, count, std::move(bytes)});
  auto* ack = std::get_if<checkpoint_ack>(&answer);
  return ack != nullptr && ack->stored;
}

checkpoint_piece get(house_world& w, fake_agent& a, const std::string& job, int64_t from_epoch, int32_t index) {
  auto answer = w.ask(a.gateway, get_checkpoint{a.session, a.lease(job), from_epoch, index});
  auto* found = std::get_if<checkpoint_piece>(&answer);
  return found != nullptr ? *found : checkpoint_piece{-1, ""};
}

void send_away(fake_agent& a, const lease_ref& lease, int64_t ran_ms, int64_t checkpoint_bytes) {
  a.held.erase(lease);
  a.say({a.session, {}, {}, {preempted(lease, ran_ms, checkpoint_bytes)}, {}});
}

}  // namespace

TEST_CASE("a node that drains gets nothing new, keeps what it runs, and gets work again afterwards") {
  house_world w;
  fake_agent a{w, "a", 2};
  REQUIRE(a.join());
  auto running = w.submit();
  auto lease = a.start(running);
  drain(w, a, 60'000);
  auto waits = w.submit();
  w.pass(5'000);
  CHECK_FALSE(a.has_order(waits));
  CHECK(w.state(running) == job_state::running);
  CHECK(w.reader().list_nodes().at(0).draining);
  drain(w, a, -1);
  w.pass(1'000);
  CHECK(a.has_order(waits));
  CHECK_FALSE(w.reader().list_nodes().at(0).draining);
  a.finish(lease);
  CHECK(w.state(running) == job_state::succeeded);
}

TEST_CASE("a beat tells the node how long what it runs may stay, also when nobody rang") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  change c;
  c.drains = node_drain{a.id, w.wall + 60'000};
  w.commit(c);
  w.pass(31'000);
  auto answer = w.ask(a.gateway, node_beat{a.session, {}});
  auto left = std::get<beat_reply>(answer).drain_left_ms;
  CHECK(left > 25'000);
  CHECK(left < 30'000);
}

TEST_CASE("an operator's word outlives the session and the gateway") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  drain(w, a, 60'000);
  w.restart();
  REQUIRE(a.join());
  CHECK(a.welcome.drain_left_ms > 50'000);
  auto waits = w.submit();
  w.pass(10'000);
  CHECK_FALSE(a.has_order(waits));
  w.pass(60'000);
  a.hang_up();
  REQUIRE(a.join());
  CHECK(a.welcome.drain_left_ms == 0);
  CHECK(w.state(waits) == job_state::queued);
}

TEST_CASE("a dispatcher that missed the news hears it with the first job that comes back") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  drain(w, a, 60'000);
  node_offer old;
  old.id = a.id;
  old.user_id = house_world::provider;
  old.session = a.session;
  old.slots = 1;
  old.rate = cpu_rate;
  caf::anon_send(w.actors().dispatcher.get(), node_changed{old});
  auto id = w.submit();
  CHECK(w.state(id) == job_state::queued);
  CHECK(w.row(id).lease_epoch <= 2);
  CHECK(w.row(id).deliveries == 0);
  CHECK_FALSE(a.has_order(id));
}

TEST_CASE("a node that joins to leave gets no work") {
  house_world w;
  fake_agent a{w, "a"};
  a.offer.draining = true;
  REQUIRE(a.join());
  auto id = w.submit();
  w.pass(10'000);
  CHECK_FALSE(a.has_order(id));
}

TEST_CASE("a job that a draining node turned down has lost nothing by it") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  drain(w, a, 60'000);
  a.say({a.session, {}, {}, {}, {a.lease(id)}});
  CHECK(w.row(id).deliveries == 0);
  REQUIRE(b.join());
  b.finish(b.start(id));
  CHECK(w.row(id).attempts == 1);
  CHECK(w.state(id) == job_state::succeeded);
}

TEST_CASE("a preempted job goes on elsewhere from its checkpoint, and both nodes are paid, once") {
  house_world w;
  change k;
  k.node_key = make_node_key("carols", "user_carol", "nodes", w.wall);
  w.commit(k);
  fake_agent a{w, "a"}, b{w, "b"};
  b.node_key = "carols";
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  w.pass(60'000);
  drain(w, a, 0);
  auto first = std::string(piece, 'x'), second = std::string(100, 'y');
  CHECK(put(w, a, lease, 0, 2, first));
  CHECK(put(w, a, lease, 1, 2, second));
  send_away(a, lease, 60'000, piece + 100);
  CHECK(a.told->stored == std::vector{lease});
  CHECK(w.state(id) == job_state::queued);
  REQUIRE(b.join());
  REQUIRE(b.has_order(id));
  CHECK(b.order(id).checkpoint_epoch == lease.epoch);
  CHECK(get(w, b, id, lease.epoch, 0).bytes == first);
  CHECK(get(w, b, id, lease.epoch, 1).bytes == second);
  CHECK(get(w, b, id, lease.epoch, 0).count == 2);
  auto next = b.start(id);
  w.pass(30'000);
  b.finish(next, fake_agent::done(run_outcome::succeeded, 30'000));
  CHECK(w.row(id).cost == 4'375'001 + 2'083'334 + 104'167);
  CHECK(w.income(house_world::provider) == 4'166'667);
  CHECK(w.income("user_carol") == 2'083'334);
  CHECK(w.row(id).attempts == 2);
  CHECK(w.events(id) == std::vector<std::string>{"queued", "started", "preempted", "started", "completed"});
  w.books_are_right();
  w.pass(3'000);
  CHECK(w.reader().books().find_checkpoint(id, lease.epoch, 0).count == 0);  // nobody needs it any more
}

TEST_CASE("a checkpoint that did not arrive as a whole is none, and the older one stays") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto first = a.start(id);
  CHECK(put(w, a, first, 0, 1, "old"));
  send_away(a, first, 10, 3);
  auto second = a.start(id);
  REQUIRE(second.epoch > first.epoch);
  CHECK(put(w, a, second, 1, 2, "new"));
  CHECK(get(w, a, id, second.epoch, 1).count == 0);
  CHECK(get(w, a, id, first.epoch, 0).bytes == "old");
  CHECK(put(w, a, second, 0, 2, "new"));
  CHECK(put(w, a, second, 1, 2, "new"));  // said again
  CHECK(get(w, a, id, second.epoch, 0).bytes == "new");
  CHECK(get(w, a, id, first.epoch, 0).count == 0);
}

TEST_CASE("nobody but the node that has the job may leave or read its checkpoint") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto lease = a.start(id);
  REQUIRE(b.join());
  CHECK_FALSE(put(w, b, lease, 0, 1, "stranger"));
  CHECK_FALSE(put(w, a, {id, lease.epoch + 1}, 0, 1, "of no attempt"));
  CHECK_FALSE(put(w, a, lease, 0, 1, std::string(piece + 1, 'x')));
  CHECK_FALSE(put(w, a, lease, 0, 1'000'000, "x"));
  CHECK_FALSE(put(w, a, lease, -1, 1, "x"));
  CHECK_FALSE(put(w, a, lease, 1, 1, "x"));
  CHECK(put(w, a, lease, 0, 1, "mine"));
  auto answer = w.ask(b.gateway, get_checkpoint{b.session, lease, lease.epoch, 0});
  CHECK(std::holds_alternative<failure>(answer));
}

TEST_CASE("a zombie cannot leave a checkpoint for a job that somebody else has now") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  REQUIRE(a.join());
  auto id = w.submit();
  auto old = a.start(id);
  REQUIRE(b.join());
  a.held.clear();
  a.hang_up();
  REQUIRE(w.pass_until([&] { return b.has_order(id); }, 6'000));
  change c;
  c.checkpoint = checkpoint_chunk{id, old.epoch, 0, 1, "stale"};
  auto done = w.must(w.actors().ledger.get(), commit_changes{{c}});
  CHECK(done.results.at(0).why == errc::stale);
}

TEST_CASE("a job that was ordered and never began is ordered again, and begins once") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  auto id = w.submit();
  a.held.insert(a.lease(id));  // it has it; that it began got lost
  w.pass(limits::order_again_ms + 1'500);
  CHECK(a.told->runs.size() == 2);
  CHECK(a.told->runs[0].epoch == a.told->runs[1].epoch);
  auto lease = a.start(id);
  w.pass(60'000);
  CHECK(a.told->runs.size() == 2);
  a.finish(lease);
  CHECK(w.row(id).attempts == 1);
  CHECK(w.state(id) == job_state::succeeded);
}
