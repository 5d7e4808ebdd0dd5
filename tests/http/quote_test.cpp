// Quotes: what was signed is what is read, and nothing else is believed.
#include "http/quote.hpp"

#include <doctest/doctest.h>

#include "http/jwt.hpp"

using namespace troupe;
using namespace std::chrono_literals;

namespace {

const std::string secret = "a secret of the tests";
constexpr time_ms now = 1'800'000'000'000;

quote sample() {
  quote q;
  q.user_id = "user_1";
  q.provider_id = "node_1";
  q.gpu_model = "nvidia-geforce-rtx-4090";
  q.total_vram_mb = 24'576;
  q.terms = terms_of(price_book{}, one / 2, 24'576, 450);
  q.terms.demand_ppm = 1'250'000;
  q.terms.fee_inclusive = true;
  q.duration_ms = 7'200'000;
  q.book_version = price_book{}.version();
  q.valid_until_ms = now + quote_ms;
  return q;
}

}  // namespace

TEST_CASE("a quote is read as it was signed, until it runs out") {
  auto text = sign_quote(sample(), secret);
  CHECK(read_quote(text, secret, now) == sample());
  CHECK(read_quote(text, secret, now + quote_ms - 1));
  CHECK_FALSE(read_quote(text, secret, now + quote_ms));
}

TEST_CASE("what was quoted is what is billed") {
  auto q = read_quote(sign_quote(sample(), secret), secret, now).value();
  CHECK(cost_of(q.terms, 90min) == cost_of(sample().terms, 90min));
}

TEST_CASE("a changed letter, another secret or another kind of text is no quote") {
  const signing_key key{"k", "HS256", secret, {}};
  auto text = sign_quote(sample(), secret);
  CHECK_FALSE(read_quote(text, secret + "x", now));
  auto dot = text.find('.');
  for (size_t i = 0; i + 1 < text.size(); ++i) {  // the last letter has bits that count for nothing
    auto other = text;
    other[i] = other[i] == 'A' ? 'B' : 'A';
    CAPTURE(i);
    CHECK_FALSE(read_quote(other, secret, now));
  }
  for (auto bad : {std::string{}, std::string{"."}, std::string{"x"}, text.substr(0, dot), text.substr(dot), text + "A",
                   text + "=", text + ".", std::string(5'000, 'A') + text,
                   sign_token({"user_1", "ses_1", "", "", "user", "free"}, key, 60, now)})
    CHECK_FALSE(read_quote(bad, secret, now));
  CHECK_FALSE(check_token(
      text, [&](std::string_view) { return &key; }, now));
}

TEST_CASE("terms beyond the bounds are not believed, whoever signed them") {
  auto refused = [](auto change) {
    auto q = sample();
    change(q);
    return !read_quote(sign_quote(q, secret), secret, now);
  };
  CHECK(refused([](quote& q) { q.terms.base = -1; }));
  CHECK(refused([](quote& q) { q.terms.vram_mb = share_mb_max + 1; }));
  CHECK(refused([](quote& q) { q.terms.power_w = share_watts_max + 1; }));
  CHECK(refused([](quote& q) { q.terms.demand_ppm = demand_ppm_max + 1; }));
  CHECK(refused([](quote& q) { q.terms.fee_bps = 10'001; }));
  CHECK(refused([](quote& q) { q.valid_until_ms = 0; }));
}
