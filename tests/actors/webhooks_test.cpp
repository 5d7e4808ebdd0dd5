// Webhooks through the real cast, the clock turned by hand; nobody listens where they lead.
#include "config/vault.hpp"
#include "model/identity.hpp"
#include "persistence/identity_reader.hpp"
#include "tests/support/house_world.hpp"

using namespace troupe;

namespace {

struct telling_house {
  house_world w;
  std::vector<int64_t> told;  // the event of each attempt
  std::shared_ptr<const vault> keys = std::make_shared<const vault>(std::vector<std::string>{"a key"});

  telling_house() {
    w.settings().outbound_allow = {"127.0.0.1/32"};
    w.settings().webhook_pauses_ms = {5'000, 30'000};
    restart();
    webhook row;
    row.id = "whk_1";
    row.user_id = house_world::user;
    row.url = keys->seal("http://127.0.0.1:1025/", "webhook_url:whk_1");
    row.secret = keys->seal("a secret of the tests", "webhook:whk_1");
    row.events = {"job.queued"};
    put(webhook_add{row, 1});
  }
  void restart() {
    w.restart();
    w.h().secrets = keys;
    w.h().webhook_body = [this](const event_row& e) {
      told.push_back(e.seq);
      return std::string{"{}"};
    };
  }
  template <class Step>
  void put(const Step& x) {
    change c;
    c.identity = std::make_shared<const identity_change>(identity_change{{webhook_step{x}}});
    w.commit(std::move(c));
  }
  webhook row() { return *w.reader().identity().webhooks().find("whk_1"); }
  std::vector<std::string> states() {
    std::vector<std::string> all;
    for (auto& x : w.reader().identity().webhooks().deliveries("whk_1")) all.push_back(x.state);
    return all;
  }
};

using texts = std::vector<std::string>;

}  // namespace

TEST_CASE("a webhook that nobody answers is told again after each pause, then of the next event") {
  telling_house t;
  t.w.submit();
  t.w.submit();
  t.w.pass(1'500);
  CHECK(t.told.size() == 1);
  CHECK(t.row().attempts == 1);
  CHECK(t.states() == texts{"retrying"});
  t.w.pass(3'000);
  CHECK(t.told.size() == 1);
  t.w.pass(3'000);
  CHECK(t.told.size() == 2);
  t.w.pass(28'000);
  CHECK(t.told.size() == 2);
  t.w.pass(4'000);
  REQUIRE(t.told.size() == 4);
  CHECK(t.told[0] == t.told[2]);
  CHECK(t.told[3] > t.told[2]);
  CHECK(t.states() == texts{"retrying", "given_up"});
  CHECK(t.row().given_up == 1);
}

TEST_CASE("what was told while the database took no writes is noted later, and not told again for that") {
  telling_house t;
  t.w.submit();
  t.w.h().webhook_body = [&](const event_row& e) {
    t.told.push_back(e.seq);
    t.w.faults.writes_away = true;
    return std::string{"{}"};
  };
  t.w.pass(20'000);
  CHECK(t.told.size() == 1);
  CHECK(t.row().attempts == 0);
  t.w.faults.writes_away = false;
  t.w.pass(1'500);
  CHECK(t.told.size() == 1);
  CHECK(t.row().attempts == 1);
}

TEST_CASE("a new process goes on where the last one was") {
  telling_house t;
  t.w.submit();
  t.w.pass(1'500);
  t.restart();
  t.w.pass(3'000);
  CHECK(t.told.size() == 1);
  t.w.pass(3'000);
  REQUIRE(t.told.size() == 2);
  CHECK(t.told[0] == t.told[1]);
  CHECK(t.row().attempts == 2);
}

TEST_CASE("nobody is told of what they do not want, nor when they are off") {
  telling_house t;
  t.put(webhook_set{"whk_1", house_world::user, t.row().url, {"job.failed"}, true});
  t.w.submit();
  t.w.pass(2'000);
  CHECK(t.told.empty());
  CHECK(t.row().told_seq == t.w.reader().last_event());
  t.put(webhook_set{"whk_1", house_world::user, t.row().url, {"*"}, false});
  t.w.submit();
  t.w.pass(2'000);
  CHECK(t.told.empty());
}
