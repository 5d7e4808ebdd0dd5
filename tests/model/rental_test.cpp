// Billing sessions in plain arithmetic: any pattern of bills adds up to the price of one, and the hold always covers
// it.
#include "model/rental.hpp"

#include <doctest/doctest.h>

#include <random>

#include "model/spending.hpp"
#include "model/usage.hpp"

using namespace troupe;

namespace {

constexpr time_ms begin = 1'800'000'000'000;
constexpr int64_t minute = 60'000;
constexpr int64_t hour = 60 * minute;

/// A 4090 with 24,576 MB and 450 W: 0.5 + 0.48 + 0.00045 dGPU an hour, 5 % on top.
rental terms() {
  rental r;
  r.id = "ses_1";
  r.user_id = "ann";
  r.provider_user = "bob";
  r.node_id = "node_1";
  r.gpu_model = "nvidia-geforce-rtx-4090";
  r.vram_mb = r.total_vram_mb = 24'576;
  r.power_w = 450;
  r.base_rate = 500'000'000;
  r.vram_rate = 480'000'000;
  r.power_rate = 450'000;
  r.rate = 980'450'000;
  r.fee_bps = 500;
  return r;
}

change opened(rental r) { return std::get<change>(open_rental(std::move(r), begin)); }
rental row(const change& c) { return c.rents->next; }

/// What the ledger would say of a session's hold.
struct books {
  amount hold = 0, provider = 0, fee = 0, released = 0;
  int32_t steps = 0;
  bool open = true;

  explicit books(const change& c) : hold(c.opens->value) {}
  void take(const change& c) {
    REQUIRE(open);
    if (c.extends) {
      CHECK(c.extends->step == ++steps);
      CHECK(c.extends->value > 0);
      hold += c.extends->value;
    }
    if (!c.closes) return;
    auto& paid = c.closes->paid;
    CHECK((paid.subtotal >= 0 && paid.fee >= 0));
    provider += paid.subtotal;
    fee += paid.fee;
    REQUIRE(provider + fee <= hold);
    if (c.closes->step > 0) {
      CHECK(paid.subtotal + paid.fee > 0);
      CHECK(c.closes->step == ++steps);
      return;
    }
    open = false;
    released = hold - provider - fee;
  }
};

}  // namespace

TEST_CASE("the worked example: two hours held, ninety bills of a minute, the rest released") {
  auto r = terms();
  r.max_ms = 2 * hour;
  auto c = opened(r);
  CHECK(c.opens->value == 2'058'945'000);
  CHECK(c.opens->account == account_key{"ann", account_kind::available, asset::dgpu});
  CHECK(row(c).due_ms == begin + 2 * hour);
  books b{c};
  for (int i = 1; i <= 90; ++i) {
    c = tick_rental(row(c), {}, begin + i * minute);
    b.take(c);
  }
  c = end_rental(row(c), rental_state::completed, "user", begin + 90 * minute);
  b.take(c);
  CHECK(b.provider == 1'470'675'000);
  CHECK(b.fee == 73'533'750);
  CHECK(b.released == 514'736'250);
  CHECK(row(c).charged == b.provider + b.fee);
  CHECK(row(c).fee == b.fee);
  CHECK(c.closes->provider == account_key{"bob", account_kind::earned, asset::dgpu});
  REQUIRE(c.usage);
  CHECK(c.usage->cost == b.provider + b.fee);
  CHECK(c.usage->ran_ms == 90 * minute);
  CHECK(c.usage->kind == "session");
  CHECK(c.usage->model == "nvidia-geforce-rtx-4090");
  CHECK(c.events.at(0).terminal);
}

TEST_CASE("however often it is billed, the sum is the price of one bill") {
  std::mt19937_64 random{20261122};
  auto upto = [&](int64_t n) { return static_cast<int64_t>(random() % static_cast<uint64_t>(n)); };
  for (int round = 0; round < 400; ++round) {
    CAPTURE(round);
    auto r = terms();
    r.rate = 1 + upto(round % 3 == 0 ? 100 : round % 3 == 1 ? 5 * one : 9'000'000 * one);
    r.fee_bps = upto(10'001);
    r.fee_inclusive = round % 2 == 1;
    if (round % 5 == 0) r.max_ms = minute + upto(24 * hour);
    auto c = opened(r);
    books b{c};
    auto now = begin;
    for (auto bills = upto(60); bills > 0; --bills) {
      now += upto(4) == 0 ? upto(90 * minute) : upto(50);
      auto s = row(c);
      if (auto due = r.max_ms == 0 ? due_change(s, now) : std::nullopt) {
        c = *due;
        b.take(c);
      }
      c = tick_rental(row(c), {}, now);
      b.take(c);
      CHECK(row(c).charged == b.provider + b.fee);
    }
    auto last = row(c);
    c = end_rental(last, rental_state::completed, "user", now);
    b.take(c);
    auto whole = price_of(last, row(c).ended_ms - begin);
    CHECK(b.provider == whole.subtotal);
    CHECK(b.fee == whole.fee);
    CHECK(b.provider + b.fee == *rental_total(last, row(c).ended_ms - begin));
    CHECK(row(c).ended_ms <= now);
    if (r.max_ms > 0) CHECK(row(c).ended_ms <= begin + r.max_ms);
  }
}

TEST_CASE("a fee that is part of the price is not paid twice") {
  auto r = terms();
  r.fee_inclusive = true;
  r.max_ms = hour;
  auto c = opened(r);
  CHECK(c.opens->value == 980'450'000);
  auto paid = price_of(row(c), hour);
  CHECK(paid.fee == 49'022'500);
  CHECK(paid.subtotal == 931'427'500);
}

TEST_CASE("two bills in one moment charge once, and the second touches no hold") {
  auto c = opened(terms());
  c = tick_rental(row(c), {}, begin + minute);
  REQUIRE(c.closes);
  auto again = tick_rental(row(c), {}, begin + minute);
  CHECK_FALSE(again.closes);
  CHECK(row(again).steps == row(c).steps);
  CHECK(row(again).version == row(c).version + 1);
}

TEST_CASE("a clock that jumps back charges nothing and gives nothing back") {
  auto c = opened(terms());
  c = tick_rental(row(c), {}, begin + 10 * minute);
  auto back = tick_rental(row(c), {}, begin + minute);
  CHECK_FALSE(back.closes);
  CHECK(row(back).billed_ms == begin + 10 * minute);
  auto end = end_rental(row(c), rental_state::completed, "user", begin - hour);
  CHECK(end.closes->paid.subtotal + end.closes->paid.fee == 0);
  CHECK(row(end).ended_ms == begin + 10 * minute);
}

TEST_CASE("with a tenth of the hour left another hour is asked for, again and again") {
  auto c = opened(terms());
  books b{c};
  CHECK(row(c).due_ms == begin + 54 * minute);
  CHECK_FALSE(due_change(row(c), begin + 54 * minute - 1));
  for (int i = 1; i <= 30; ++i) {
    auto at = begin + i * hour - 6 * minute;
    c = *due_change(row(c), at);
    CHECK(c.extends);
    b.take(c);
    CHECK(row(c).hold == b.hold);
    CHECK(covered_ms(row(c)) == (i + 1) * hour);
    CHECK(row(c).due_ms == at + hour);
  }
}

TEST_CASE("hours that nobody looked are held before they are charged") {
  auto c = opened(terms());
  books b{c};
  auto late = begin + 5 * hour + 7;
  c = *extend_rental(row(c), late);
  b.take(c);
  c = end_rental(row(c), rental_state::completed, "user", late);
  b.take(c);
  CHECK(b.provider + b.fee == *rental_total(terms(), 5 * hour + 7));
}

TEST_CASE("without money for another hour: a warning, five minutes of grace, and the end") {
  auto c = opened(terms());
  books b{c};
  auto first = refused_rental(row(c), row(c).due_ms);
  CHECK_FALSE(first.closes);
  CHECK(first.events.at(0).kind == "session_funds_low");
  CHECK_FALSE(first.events.at(0).terminal);
  CHECK(row(first).due_ms == begin + 59 * minute);
  auto last = refused_rental(row(first), row(first).due_ms);
  b.take(last);
  CHECK(row(last).state == rental_state::terminated);
  CHECK(row(last).end_reason == "funds");
  CHECK(row(last).ended_ms == begin + 59 * minute);
  auto much_later = refused_rental(row(first), begin + 20 * hour);
  CHECK(row(much_later).ended_ms == begin + hour);
  CHECK(row(much_later).charged == row(c).hold);
}

TEST_CASE("a session with an agreed end is over there, however late somebody looks") {
  auto r = terms();
  r.max_ms = 90 * minute;
  auto s = row(opened(r));
  CHECK_FALSE(due_change(s, begin + 90 * minute - 1));
  auto c = *due_change(s, begin + 40 * hour);
  CHECK(row(c).ended_ms == begin + 90 * minute);
  CHECK(c.closes->step == 0);
  CHECK(row(c).end_reason == "max_duration");
  CHECK_FALSE(due_change(row(c), begin + 41 * hour));
}

TEST_CASE("the newest reading is kept, an older one only bills") {
  auto c = opened(terms());
  c = tick_rental(row(c), rental_reading{90, 80, 400, 70, begin + 50'000}, begin + minute);
  c = tick_rental(row(c), rental_reading{10, 20, 30, 40, begin + 40'000}, begin + 2 * minute);
  CHECK(c.closes);
  CHECK(row(c).gpu_percent == 90);
  CHECK(row(c).vram_percent == 80);
  CHECK(row(c).power_draw_w == 400);
  CHECK(row(c).temperature_c == 70);
  CHECK(row(c).reported_ms == begin + 50'000);
}

TEST_CASE("a price beyond what money can count is refused") {
  auto r = terms();
  r.rate = INT64_MAX / 2;
  r.max_ms = 24 * hour;
  CHECK(std::get<failure>(open_rental(r, begin)).code == errc::invalid);
  r.rate = 0;
  CHECK(std::get<failure>(open_rental(r, begin)).code == errc::invalid);
  r = terms();
  r.rate = INT64_MAX / 2;
  CHECK_FALSE(extend_rental(row(opened(r)), begin + 54 * minute));
}

TEST_CASE("usage goes to the day on which the work ended, in UTC") {
  CHECK(day_of(0) == "1970-01-01");
  CHECK(day_of(951'782'399'999) == "2000-02-28");
  CHECK(day_of(951'782'400'000) == "2000-02-29");
  CHECK(day_of(1'795'391'999'999) == "2026-11-22");
  CHECK(day_of(1'795'392'000'000) == "2026-11-23");
}

TEST_CASE("a job's usage: its tokens, its time and what it cost: a failure is counted, a cancel is not one") {
  job j;
  j.user_id = "ann";
  j.key_id = "key_1";
  j.state = job_state::failed;
  j.cost = 77;
  j.finished_ms = begin;
  job_spec spec;
  spec.kind = job_kind::inference;
  spec.needs.model = "llama";
  run_report report;
  report.prompt_tokens = 10;
  report.completion_tokens = 20;
  report.ran_ms = 300;
  auto u = usage_of(j, spec, &report);
  CHECK(u.kind == "inference");
  CHECK(u.model == "llama");
  CHECK(u.key_id == "key_1");
  CHECK((u.requests == 1 && u.failed == 1 && u.tokens_in == 10 && u.tokens_out == 20 && u.ran_ms == 300));
  CHECK(u.cost == 77);
  j.state = job_state::cancelled;
  j.cost = 0;
  u = usage_of(j, spec, nullptr);
  CHECK((u.requests == 1 && u.failed == 0 && u.tokens_in == 0 && u.ran_ms == 0 && u.cost == 0));
  spec.needs.model.clear();
  spec.needs.gpu_type = "nvidia-l4";
  CHECK(usage_of(j, spec, nullptr).model == "nvidia-l4");
}
