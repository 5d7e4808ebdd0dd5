// What users with limits may ask for: counted once, wherever they ask; stored within a second; given back at the end.
#include "persistence/identity_reader.hpp"
#include "tests/support/house_world.hpp"

using namespace troupe;

namespace {

struct free_user {
  house_world& w;
  std::string credential, id;

  explicit free_user(house_world& world) : w{world} {
    auto made = w.must(w.actors().identity.get(), register_user{"eve@example.org", "eve", "", "a long password"});
    credential = "key:" + sha256_hex(made.api_key);
    id = made.user.id;
  }
  principal ask(bool stream = false) {
    return w.must(w.actors().sessions.get(), admit{credential, "10.0.0.1", false, stream});
  }
  void end(const principal& p) {
    if (p.quota->number == 0) return;
    tell(w.actors().quotas.get(), request_ended{id, p.quota->number});
    w.run();
  }
  /// Whether a request is let in, and at once over.
  bool once() {
    auto p = ask();
    end(p);
    return p.quota->verdict.admitted;
  }
  /// How many of so many, a second apart.
  int spread(int tries) {
    int let_in = 0;
    for (int i = 0; i < tries; ++i) {
      let_in += once() ? 1 : 0;
      w.pass(1'000);
    }
    return let_in;
  }
};

use_quota from(const std::string& gateway, int64_t number, const std::string& user_id) {
  return {user_id, "free", {{gateway, number}, {}, 0}, true};
}

}  // namespace

TEST_CASE("a free user is let in ten times a minute, an unlimited one is not even counted") {
  house_world w;
  free_user eve{w};
  CHECK(eve.spread(50) == 10);
  w.pass(10'000);
  CHECK(eve.once());
  auto key = w.new_key(house_world::user);
  CHECK_FALSE(w.must(w.actors().sessions.get(), admit{"key:" + sha256_hex(key)}).quota);
}

TEST_CASE("what was counted is known after a restart a second later") {
  house_world w;
  free_user eve{w};
  CHECK(eve.spread(10) == 10);
  w.pass(1'100);
  w.restart();
  CHECK_FALSE(eve.once());
  w.pass(60'000);
  CHECK(eve.once());
}

TEST_CASE("windows that nobody asks for leave the memory, and come back as they were") {
  house_world w;
  free_user eve{w};
  CHECK(eve.spread(7) == 7);
  w.pass(62'000);
  CHECK(w.reader().identity().counts(eve.id).day.count == 7);
  eve.once();
  w.pass(1'100);
  CHECK(w.reader().identity().counts(eve.id).day.count == 8);
  CHECK(w.reader().identity().counts(eve.id).minute.count == 1);
}

TEST_CASE("when the counting actor crashes, its successor knows what was stored") {
  house_world w;
  free_user eve{w};
  CHECK(eve.spread(10) == 10);
  w.pass(1'100);
  caf::anon_send_exit(w.actors().quotas.get(), caf::exit_reason::unhandled_exception);
  w.run();
  CHECK_FALSE(eve.once());
}

TEST_CASE("two requests at a time: the third waits until one of them is over") {
  house_world w;
  free_user eve{w};
  auto first = eve.ask(), second = eve.ask(), third = eve.ask();
  CHECK(second.quota->verdict.admitted);
  CHECK_FALSE(third.quota->verdict.admitted);
  CHECK(third.quota->number == 0);
  eve.end(first);
  CHECK(eve.once());
  CHECK(eve.ask(true).quota->verdict.admitted);  // a stream has a place of its own
  CHECK_FALSE(eve.ask(true).quota->verdict.admitted);
}

TEST_CASE("requests that came by another gateway count here, and are forgotten with it") {
  house_world w;
  free_user eve{w};
  auto& quotas = w.actors().quotas;
  CHECK(w.must(quotas.get(), from("gw_b", 1, eve.id)).placed);
  CHECK(w.must(quotas.get(), from("gw_b", 2, eve.id)).placed);
  CHECK_FALSE(eve.once());
  tell(quotas.get(), quota_returned{eve.id, "gw_b", 2});
  w.run();
  CHECK(eve.once());
  CHECK(w.must(quotas.get(), from("gw_b", 3, eve.id)).placed);
  tell(quotas.get(), cluster_changed{});  // there is no link to gw_b
  w.run();
  w.pass(1'000);
  CHECK(w.must(quotas.get(), from("gw_c", 1, eve.id)).placed);
  CHECK(w.must(quotas.get(), from("gw_c", 2, eve.id)).placed);
  tell(quotas.get(), quota_returned{{}, "gw_c", 0});
  w.run();
  CHECK(eve.once());
}

TEST_CASE("a stream that is open elsewhere is held again by a new owner of the windows") {
  house_world w;
  free_user eve{w};
  tell(w.actors().quotas.get(), quota_held{eve.id, {"gw_b", 7, true}});
  w.run();
  CHECK_FALSE(eve.ask(true).quota->verdict.admitted);
  tell(w.actors().quotas.get(), quota_returned{eve.id, "gw_b", 7});
  w.run();
  CHECK(eve.ask(true).quota->verdict.admitted);
}

TEST_CASE("without the store nobody with limits is let in, and once it is back all that was counted counts") {
  house_world w;
  free_user eve{w};
  CHECK(eve.once());
  w.faults.writes_away = w.faults.reads_away = true;
  CHECK(eve.once());  // known by now
  w.pass(3'000);
  w.faults.writes_away = w.faults.reads_away = false;
  w.pass(1'100);
  CHECK(w.reader().identity().counts(eve.id).minute.count == 2);
  w.pass(62'000);
  w.faults.writes_away = w.faults.reads_away = true;
  auto answer = w.ask(w.actors().quotas.get(), from("gw_b", 1, eve.id));
  REQUIRE(std::holds_alternative<failure>(answer));
  CHECK(std::get<failure>(answer).code == errc::unavailable);
  w.faults.writes_away = w.faults.reads_away = false;
}

TEST_CASE("a new tier counts from the next request, and what was refused a moment ago is forgotten") {
  house_world w;
  free_user eve{w};
  CHECK(eve.spread(10) == 10);
  auto refused = eve.ask();
  w.h().refused.note(eve.credential, {eve.id, "free", refused.quota->verdict, w.wall});
  CHECK(w.h().refused.find(eve.credential, w.wall));
  change c;
  c.tier = tier_update{eve.id, "pro"};
  w.commit(c);
  tell(w.actors().sessions.get(), forget_user{eve.id});
  w.run();
  CHECK_FALSE(w.h().refused.find(eve.credential, w.wall));
  auto p = eve.ask();
  CHECK(p.quota->verdict.admitted);
  CHECK(p.quota->verdict.limit == 200);
  CHECK(p.quota->verdict.remaining == 189);
}

TEST_CASE("a refusal is remembered while it cannot change, a second at most") {
  refusal_memo memo;
  rate_verdict v;
  v.admitted = false;
  v.settled_ms = 300;
  memo.note("a", {"u", "free", v, 1'000});
  CHECK(memo.find("a", 1'299));
  CHECK_FALSE(memo.find("a", 1'300));
  v.settled_ms = 60'000;
  memo.note("a", {"u", "free", v, 1'000});
  CHECK(memo.find("a", 1'999));
  CHECK_FALSE(memo.find("a", 2'000));
  memo.note("a", {"u", "free", v, 1'000});
  memo.forget("a");
  CHECK_FALSE(memo.find("a", 1'001));
  v.settled_ms = 0;  // somebody's request may end at any moment
  memo.note("a", {"u", "free", v, 1'000});
  CHECK_FALSE(memo.find("a", 1'000));
}
