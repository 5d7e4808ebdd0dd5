// Who wants which event, when a failed delivery comes again, and when it does not.
#include "model/webhook.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {

using pauses = std::vector<int64_t>;

webhook some_webhook() {
  webhook w;
  w.id = "whk_1";
  w.events = {"job.completed", "billing.low_balance"};
  w.told_seq = 7;
  return w;
}

event_row completed(int64_t seq) {
  event_row e;
  e.seq = seq;
  e.kind = "completed";
  return e;
}

}  // namespace

TEST_CASE("the pauses between attempts are read as they are written, and nonsense is none") {
  CHECK(parse_webhook_pauses("5s,30s,2m,10m,1h,6h,16h") ==
        pauses{5'000, 30'000, 120'000, 600'000, 3'600'000, 21'600'000, 57'600'000});
  CHECK(parse_webhook_pauses("7d") == pauses{604'800'000});
  for (auto text : {"", "5", "s", "5s,", ",5s", "5s 6s", "0s", "-1s", "+1s", "1.5s", "5x", "8d", "169h", "5S", " 5s",
                    "99999999999999999999s", "9223372036854775807d"})
    CHECK_MESSAGE(!parse_webhook_pauses(text), text);
  std::string twenty = "1s";
  for (int i = 1; i < 20; ++i) twenty += ",1s";
  CHECK(parse_webhook_pauses(twenty));
  CHECK_FALSE(parse_webhook_pauses(twenty + ",1s"));
}

TEST_CASE("an event has the name that streams give it, and other names are none") {
  CHECK(event_name("completed") == "job.completed");
  CHECK(event_name("session_ended") == "billing.session_ended");
  CHECK(event_name("withdrawal_sent") == "billing.withdrawal_sent");
  for (auto name : {"*", "job.completed", "job.failed", "job.cancelled", "job.queued", "billing.low_balance"})
    CHECK_MESSAGE(is_event_name(name), name);
  for (auto name : {"", "job", "completed", "job.", "job.*", "JOB.completed", "billing.completed", "job.low_balance"})
    CHECK_MESSAGE(!is_event_name(name), name);
}

TEST_CASE("a webhook wants what it names, and with * everything") {
  auto w = some_webhook();
  CHECK(wants(w, "completed"));
  CHECK(wants(w, "low_balance"));
  CHECK_FALSE(wants(w, "failed"));
  w.events = {"*"};
  CHECK(wants(w, "failed"));
}

TEST_CASE("what is accepted moves on and counts as no failure") {
  auto w = some_webhook();
  w.attempts = 2;
  w.given_up = 5;
  auto x = after_attempt(w, completed(9), 204, "", {1'000}, 50);
  CHECK(x.from_seq == 7);
  CHECK(x.from_attempts == 2);
  CHECK(x.told_seq == 9);
  CHECK(x.attempts == 0);
  CHECK(x.next_ms == 0);
  CHECK(x.given_up == 0);
  CHECK(x.active);
  REQUIRE(x.delivery);
  CHECK(x.delivery->state == "delivered");
  CHECK(x.delivery->attempts == 3);
  CHECK(x.delivery->event == "job.completed");
}

TEST_CASE("what is refused comes again after each pause, and is given up after the last") {
  auto w = some_webhook();
  auto again = [&](const std::string& trouble) { return after_attempt(w, completed(9), 500, trouble, {5, 30}, 100); };
  auto x = again("answered 500");
  CHECK(x.told_seq == 7);
  CHECK(x.attempts == 1);
  CHECK(x.next_ms == 105);
  CHECK(x.given_up == 0);
  CHECK(x.delivery->state == "retrying");
  CHECK(x.delivery->trouble == "answered 500");
  CHECK(x.delivery->next_ms == 105);
  w.attempts = 1;
  CHECK(again("x").next_ms == 130);
  w.attempts = 2;
  x = again("x");
  CHECK(x.told_seq == 9);
  CHECK(x.attempts == 0);
  CHECK(x.next_ms == 0);
  CHECK(x.given_up == 1);
  CHECK(x.active);
  CHECK(x.delivery->state == "given_up");
  CHECK(x.delivery->attempts == 3);
}

TEST_CASE("a status of success is none when the answer was broken") {
  CHECK(after_attempt(some_webhook(), completed(9), 200, "Timeout was reached", {5}, 100).attempts == 1);
}

TEST_CASE("twenty events in a row that nobody took switch it off") {
  auto w = some_webhook();
  w.attempts = 1;
  w.given_up = webhook_given_up_max - 2;
  CHECK(after_attempt(w, completed(9), 0, "x", {5}, 100).active);
  w.given_up += 1;
  CHECK_FALSE(after_attempt(w, completed(9), 0, "x", {5}, 100).active);
  w.attempts = 0;
  CHECK(after_attempt(w, completed(9), 0, "x", {5}, 100).active);
}

TEST_CASE("events that it does not want are passed without a delivery") {
  auto w = some_webhook();
  w.given_up = 3;
  auto x = skip_to(w, 12);
  CHECK(x.from_seq == 7);
  CHECK(x.told_seq == 12);
  CHECK(x.given_up == 3);
  CHECK(x.active);
  CHECK_FALSE(x.delivery);
}
