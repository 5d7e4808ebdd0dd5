// Seats, shards and the fence, on a real PostgreSQL with real sessions.
#include "persistence/membership.hpp"

#include <doctest/doctest.h>

#include "tests/persistence/postgres_engine.hpp"
// The engine first.
#include "tests/persistence/desk.hpp"

using namespace troupe;
using namespace troupe::lives;

namespace {

/// A gateway: its seat, its writer.
struct gateway {
  gateway(postgres_engine& engine, const std::string& id) : db{engine.open()}, members{db->open_membership()} {
    row = {id, "name of " + id, "127.0.0.1:1", "secret of " + id, 1};
    members->enter(row);
    mine.set(id, members->view().shards);
    w = db->open_writer(&mine);
  }
  void take(int32_t most = shard_count) {
    members->take(row.id, most);
    mine.set(row.id, members->view().shards);
  }
  gateway_row seen(const std::string& id) {
    for (auto& g : members->view().gateways)
      if (g.id == id) return g;
    return {};
  }
  change_result apply(const change& c) {
    w->begin({&c});
    auto r = w->apply(c, begin_ms);
    w->commit();
    return r;
  }

  std::unique_ptr<store> db;
  std::unique_ptr<membership> members;
  gateway_row row;
  seat mine;
  std::unique_ptr<store_writer> w;
};

change gift(const std::string& id, int32_t shard = -1) {
  auto c = grant(id, wallet_of("ann"), one);
  c.shard = shard;
  return c;
}

int64_t owned_by(gateway& g, const std::string& id) {
  int64_t count = 0;
  for (auto& s : g.members->view().shards) count += s.owner == id ? 1 : 0;
  return count;
}

}  // namespace

TEST_CASE("shards without an owner are taken once, and never from one that lives") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  a.take(40);
  CHECK(owned_by(a, "a") == 40);
  b.take();
  CHECK(owned_by(b, "a") == 40);
  CHECK(owned_by(b, "b") == 25);
  CHECK(a.members->beat("a"));
  CHECK_FALSE(b.members->remove({"a", "", "", "", 1}));  // the beat is 2
  CHECK(b.members->remove(b.seen("a")));
  CHECK_FALSE(a.members->beat("a"));
  b.take();
  CHECK(owned_by(b, "b") == 65);
}

TEST_CASE("two gateways write one journal in turn, each sees what the other wrote, and the books are right") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  for (int i = 0; i < 20; ++i) {
    auto& g = i % 2 == 0 ? a : b;
    CHECK(g.apply(gift("t" + std::to_string(i))).why == errc::ok);
    CHECK(g.apply(transfer_of("x" + std::to_string(i), wallet_of("ann"), wallet_of("bob"), one / 2)).why == errc::ok);
  }
  auto again = a.apply(gift("t1"));  // b wrote it
  CHECK(again.why == errc::ok);
  CHECK(b.apply(transfer_of("too much", wallet_of("ann"), wallet_of("bob"), 11 * one)).why == errc::insufficient_funds);
  CHECK(a.apply(transfer_of("all", wallet_of("ann"), wallet_of("bob"), 10 * one)).why == errc::ok);
  CHECK(b.apply(transfer_of("one more", wallet_of("ann"), wallet_of("bob"), 1)).why == errc::insufficient_funds);
  for (auto& breach : a.db->verify().breaches) FAIL_CHECK(breach);
}

TEST_CASE("two gateways that run jobs of the same user never disagree about holds and events") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  CHECK(a.apply(grant("start", wallet_of("ann"), 1'000 * one)).why == errc::ok);
  for (int64_t n = 1; n <= 12; ++n) {
    life l{n, "ann", true};
    auto& first = n % 2 == 0 ? a : b;
    auto& second = n % 2 == 0 ? b : a;
    CHECK(first.apply(l.submit()).why == errc::ok);
    CHECK(second.apply(l.claim("node_1", "provider")).why == errc::ok);
    CHECK(first.apply(l.start()).why == errc::ok);
    CHECK(second.apply(l.finish()).why == errc::ok);
  }
  for (auto& breach : a.db->verify().breaches) FAIL_CHECK(breach);
}

TEST_CASE("the same Idempotency-Key through two gateways makes one job") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  CHECK(a.apply(grant("start", wallet_of("ann"), 1'000 * one)).why == errc::ok);
  life l{1, "ann", true}, other{2, "ann", true};
  auto first = l.submit(), second = other.submit();
  first.once = second.once = idempotency_row{"ann POST /jobs", "k", "hash", 202, "first"};
  CHECK(a.apply(first).why == errc::ok);
  auto r = b.apply(second);
  CHECK(r.replayed);
  CHECK(r.body == "first");
}

TEST_CASE("a writer whose shard was handed over writes nothing of it, and all else as before") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  a.take();
  CHECK(a.apply(gift("t1", 7)).why == errc::ok);
  shard_row seven{7, "a", *a.mine.epoch(7)};
  CHECK(a.members->give(seven, "b"));
  CHECK_FALSE(a.members->give(seven, "b"));          // not ours any more
  CHECK(a.apply(gift("t2", 7)).why == errc::stale);  // it believes in the old epoch
  CHECK(a.apply(gift("t3", 8)).why == errc::ok);
  CHECK(b.apply(gift("t4", 7)).why == errc::stale);  // it has not looked yet
  b.mine.set("b", b.members->view().shards);
  CHECK(b.apply(gift("t5", 7)).why == errc::ok);
}

TEST_CASE("a paused writer that wakes up after its shards were taken writes nothing at all") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  a.take();
  CHECK(a.apply(gift("t1", 7)).why == errc::ok);
  CHECK(b.members->remove(b.seen("a")));  // a is paused between two groups
  b.take();
  auto late = gift("t2", 7), unfenced = gift("t3");
  CHECK_THROWS_AS(a.w->begin({&late}), store_unavailable);
  a.w->rollback();
  CHECK_THROWS_AS(a.w->begin({&unfenced}), store_unavailable);
  a.w->rollback();
  CHECK(b.apply(gift("t4", 7)).why == errc::ok);
  a.row.id = "a2";  // it comes back as a new one
  a.members->enter(a.row);
  a.mine.set("a2", a.members->view().shards);
  CHECK(a.apply(gift("t5")).why == errc::ok);
  CHECK(a.apply(gift("t6", 7)).why == errc::stale);
}

TEST_CASE(
    "nobody takes a shard from under a writer in the middle of its group, and the database ends one that sleeps") {
  postgres_engine engine;
  gateway a{engine, "a"}, b{engine, "b"};
  a.take();
  auto c = gift("t1", 7);
  a.w->begin({&c});
  CHECK(a.w->apply(c, begin_ms).why == errc::ok);
  CHECK(a.members->beat("a"));                  // a beat does not wait for the group
  CHECK_FALSE(b.members->remove(b.seen("a")));  // locked: not now
  // the writer sleeps: idle_in_transaction_session_timeout ends its session, and only then it goes
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds{15};
  while (!b.members->remove(b.seen("a"))) REQUIRE(std::chrono::steady_clock::now() < until);
  b.take();
  CHECK_THROWS_AS(a.w->commit(), store_unavailable);
  a.w->rollback();
  CHECK_THROWS_AS(a.w->begin(), store_unavailable);
  CHECK(b.apply(gift("t2", 7)).why == errc::ok);
  CHECK(b.db->open_reader()->balances("ann").at(0).balance == one);  // t1 is not there
}

TEST_CASE("who wants the books for itself is refused while a gateway writes") {
  postgres_engine engine;
  gateway a{engine, "a"};
  CHECK_THROWS_AS(engine.open()->open_writer(), store_unavailable);
}
