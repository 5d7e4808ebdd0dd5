// The door for nodes against strangers: what was overheard is worth nothing, a key ends, and nothing grows.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

void end_key(house_world& w, const char* secret, time_ms ends_ms) {
  change c;
  c.node_key = make_node_key(secret, house_world::provider, "nodes", 0);
  c.node_key->ends_ms = ends_ms;
  w.commit(std::move(c));
}

}  // namespace

TEST_CASE("a join that was overheard is refused when it is said again") {
  house_world w;
  fake_agent a{w, "a"};
  REQUIRE(a.join());
  a.hang_up();
  CHECK_FALSE(a.say_join());
  CHECK(a.refused.code == errc::unauthenticated);
  CHECK(a.refused.detail.find("challenge") != std::string::npos);
  CHECK(a.join());
}

TEST_CASE("a proof covers every field of the offer") {
  house_world w;
  fake_agent a{w, "a"};
  auto refused_with = [&](auto change) {
    a.hang_up();
    a.refused = {};
    a.offer.key_id = node_key_id(a.node_key);
    a.offer.nonce = w.must(w.actors().door.get(), knock{}).nonce;
    a.offer.proof = prove_node_key(a.node_key, join_text::of(a.offer));
    auto honest = a.offer;
    change(a.offer);
    auto in = a.say_join();
    a.offer = honest;
    return !in && a.refused.detail == "wrong proof";
  };
  CHECK(refused_with([](join_node& x) { x.name = "b"; }));
  CHECK(refused_with([](join_node& x) { x.rate += 1; }));
  CHECK(refused_with([](join_node& x) { x.slots += 1; }));
  CHECK(refused_with([](join_node& x) { x.instance = "other"; }));
  CHECK(refused_with([](join_node& x) { x.gpus.push_back({"h100", 80'000}); }));
  CHECK(refused_with([](join_node& x) { x.holding.push_back({"job_1", 1}); }));
  CHECK(refused_with([](join_node& x) { x.proof[0] = x.proof[0] == 'a' ? 'b' : 'a'; }));
  CHECK(refused_with([](join_node& x) { x.proof = "short"; }));
  CHECK_FALSE(refused_with([](join_node&) {}));
}

TEST_CASE("a nonce is good for half a minute, and only the newest four thousand are") {
  house_world w;
  fake_agent a{w, "a"};
  auto prove = [&] {
    a.offer.key_id = node_key_id(a.node_key);
    a.offer.nonce = w.must(w.actors().door.get(), knock{}).nonce;
    a.offer.proof = prove_node_key(a.node_key, join_text::of(a.offer));
  };
  prove();
  w.pass(30'000);
  CHECK_FALSE(a.say_join());
  prove();
  for (int i = 0; i < 4'096; ++i) w.must(w.actors().door.get(), knock{});
  CHECK_FALSE(a.say_join());
  CHECK(a.join());
}

TEST_CASE("a key that has ended lets nobody in, and whoever joined with it is put out") {
  house_world w;
  fake_agent a{w, "a"}, b{w, "b"};
  change c;
  c.node_key = make_node_key("second", house_world::provider, "second", w.wall);
  w.commit(c);
  b.node_key = "second";
  REQUIRE(a.join());
  REQUIRE(b.join());
  auto id = w.submit();
  auto& holder = a.has_order(id) ? a : b;
  auto& other = a.has_order(id) ? b : a;
  holder.start(id);
  end_key(w, holder.node_key.c_str(), w.wall + 5'000);  // rotated: it may stay for five seconds more
  w.pass(4'000);
  CHECK(holder.beat());
  w.pass(3'000);
  CHECK_FALSE(holder.beat());
  CHECK(other.beat());
  REQUIRE(w.pass_until([&] { return other.has_order(id); }, 10'000));
  CHECK_FALSE(holder.join());
  CHECK(holder.refused.detail == "the node key has ended");
  other.finish(other.start(id));
  CHECK(w.state(id) == job_state::succeeded);
  w.books_are_right();
}

TEST_CASE("a refusal is held back for a second, and a flood of them disturbs nobody else") {
  house_world w;
  fake_agent a{w, "a"};
  size_t answered = 0;
  w.system().spawn([&](caf::event_based_actor* self) {
    for (int i = 0; i < 3'000; ++i) {
      join_node guess;
      guess.name = "stranger";
      guess.slots = 1;
      guess.nonce = "guess";
      self->request(w.actors().door.get(), std::chrono::seconds{60}, guess, caf::actor_cast<agent_port>(self))
          .then([](const node_welcome&, const node_port&) {}, [&](const caf::error&) { ++answered; });
    }
  });
  w.run();
  CHECK(answered == 3'000 - 1'024);
  CHECK(a.join());
  w.pass(1'100);
  CHECK(answered == 3'000);
}
