// What nodes post of their attempts' output: stored before it is acknowledged, and only what is theirs.
#include "tests/support/fake_agent.hpp"

using namespace troupe;

namespace {

struct posting {
  house_world w;
  fake_agent a{w, "a"};
  std::string id;
  lease_ref lease;
  int64_t batch = 0;

  posting() {
    REQUIRE(a.join());
    id = w.submit();
    lease = a.start(id);
  }
  void post(std::vector<log_piece> pieces) { post(lease, std::move(pieces)); }
  void post(const lease_ref& l, std::vector<log_piece> pieces, int64_t session = 0) {
    a.told->marks.clear();
    a.told->refused.clear();
    caf::anon_send(a.gateway, send_logs{session == 0 ? a.session : session, ++batch, {{l, std::move(pieces)}}});
    w.run();
  }
  std::string text(const std::string& stream = "stdout") {
    return w.reader().logs().read(id, lease.epoch, stream, 0, 1'000'000);
  }
};

}  // namespace

TEST_CASE("output is acknowledged once it is stored, and again when it is said again") {
  posting p;
  for (int i = 0; i < 2; ++i) {
    p.post({{"stdout", 0, "hello", false}, {"stderr", 0, "", true}});
    REQUIRE(p.a.told->marks.size() == 2);
    CHECK(p.a.told->marks[0].end == 5);
    CHECK(p.a.told->marks[1].last);
    CHECK(p.text() == "hello");
  }
  p.w.faults.writes_away = true;
  p.post({{"stdout", 5, " more", true}});
  CHECK(p.a.told->marks.empty());
  CHECK(p.a.told->refused.empty());
  p.w.faults.writes_away = false;
  p.w.pass(2'000);
  p.post({{"stdout", 5, " more", true}});
  CHECK(p.a.told->marks.size() == 1);
  CHECK(p.text() == "hello more");
}

TEST_CASE("a gap is neither stored nor refused: it is said again from where it is known") {
  posting p;
  p.post({{"stdout", 3, "lo", false}, {"stderr", 0, "good", false}});
  REQUIRE(p.a.told->marks.size() == 1);
  CHECK(p.a.told->marks[0].stream == "stderr");
  CHECK(p.a.told->refused.empty());
}

TEST_CASE("the words of another node, of an attempt that is not there, of an old session are not stored") {
  posting p;
  fake_agent b{p.w, "b"};
  REQUIRE(b.join());
  caf::anon_send(b.gateway, send_logs{b.session, 1, {{p.lease, {{"stdout", 0, "forged", true}}}}});
  p.w.run();
  CHECK(b.told->refused.size() == 1);
  p.post({p.id, p.lease.epoch + 1}, {{"stdout", 0, "x", true}});
  CHECK(p.a.told->refused.size() == 1);
  p.post(p.lease, {{"stdout", 0, "x", true}}, p.a.session + 1);
  CHECK(p.a.told->marks.empty());
  CHECK(p.a.told->refused.empty());
  CHECK(p.text() == "");
}

TEST_CASE("a file beyond the bound is refused alone, and so is a stream of another name") {
  posting p;
  p.w.settings().artifact_mb_max = 0;
  p.post(
      {{"file:a", 0, "x", true}, {"file:empty", 0, "", true}, {"secrets", 0, "", true}, {"stdout", 0, "kept", true}});
  REQUIRE(p.a.told->refused.size() == 2);
  CHECK(p.a.told->refused[0].stream == "file:a");
  CHECK(p.a.told->refused[1].stream == "secrets");
  CHECK(p.a.told->marks.size() == 2);
  CHECK(p.text() == "kept");
}

TEST_CASE("a late word of an attempt that somebody else has taken over is still kept, as that attempt's") {
  posting p;
  fake_agent b{p.w, "b"};
  REQUIRE(b.join());
  p.a.hang_up();
  REQUIRE(p.w.pass_until([&] { return b.has_order(p.id); }, 6'000));
  b.start(p.id);
  REQUIRE(p.a.join());
  p.post({{"stdout", 0, "late", true}});
  CHECK(p.a.told->marks.size() == 1);
  CHECK(p.text() == "late");
  auto all = p.w.reader().logs().attempts(p.id);
  REQUIRE(all.size() == 2);
  CHECK(all[0].outcome == attempt_outcome::lost);
  CHECK(all[1].outcome == attempt_outcome::open);
}
