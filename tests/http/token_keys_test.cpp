// Which keys sign, which are believed, and for how long.
#include "http/token_keys.hpp"

#include <doctest/doctest.h>

#include "config/world.hpp"

using namespace troupe;

namespace {

constexpr time_ms now = 1'800'000'000'000;
const token_claims alice{"user_1", "ses_1", "", "", "user", ""};
const std::string secret = "a secret of enough bytes for anyone";

signing_key_row row(const token_keys& keys, const std::string& kid, time_ms from_ms, time_ms ends_ms = 0) {
  return {kid, keys.owner(), keys.algorithm(), fresh_signing_secret(keys.algorithm()), from_ms, ends_ms};
}
std::string kid_of(const std::string& token) {
  std::string kid;
  check_token(
      token,
      [&](std::string_view x) {
        kid = x;
        return static_cast<const signing_key*>(nullptr);
      },
      now);
  return kid;
}

}  // namespace

TEST_CASE("without anything in the store the secret's bytes sign, and only with HS256") {
  token_keys keys{secret, "HS256"};
  auto token = keys.issue(alice, 60, now);
  CHECK(kid_of(token) == keys.own_kid());
  CHECK(keys.session_of(token, now) == "ses_1");
  CHECK(token_keys{secret, "HS256"}.session_of(token, now) == "ses_1");  // another gateway
  CHECK_FALSE(token_keys{secret + "x", "HS256"}.session_of(token, now));
  CHECK_FALSE(token_keys{secret, "RS256"}.ready(now));
  CHECK(keys.public_keys(now)["keys"].empty());
}

TEST_CASE("a new key is believed at once, signs from its time on, and the old one ends at its") {
  for (auto algorithm : {"HS256", "RS256"}) {
    INFO(algorithm);
    token_keys keys{secret, algorithm};
    auto first = row(keys, "first", now);
    keys.take({first});
    auto old = keys.issue(alice, 60, now);
    if (keys.own_kid().empty()) CHECK(kid_of(old) == "first");
    auto second = row(keys, "second", now + 10'000);
    first.ends_ms = now + 70'000;
    auto own = row(keys, "hs-" + keys.owner(), 0, now + 70'000);
    own.secret.clear();
    own.algorithm = "HS256";
    keys.take({own, first, second});
    CHECK(kid_of(keys.issue(alice, 60, now + 9'999)) == "first");
    CHECK(kid_of(keys.issue(alice, 60, now + 10'000)) == "second");
    CHECK(keys.session_of(old, now + 59'000) == "ses_1");
    auto late = keys.issue(alice, 3600, now + 9'999);
    CHECK(keys.check(late, now + 69'999));
    CHECK_FALSE(keys.check(late, now + 70'000));
    auto fresh = keys.issue(alice, 3600, now + 10'000);
    token_keys other{secret, algorithm};  // a gateway that has read the store, before the key begins
    other.take({own, first, second});
    CHECK(other.session_of(fresh, now + 9'000) == "ses_1");
  }
}

TEST_CASE("a token that was believed is not any more when its key was ended") {
  token_keys keys{secret, "HS256"};
  auto first = row(keys, "first", now);
  keys.take({first});
  auto token = keys.issue(alice, 600, now);
  CHECK(kid_of(token) == "first");
  CHECK(keys.session_of(token, now) == "ses_1");
  CHECK(keys.session_of(token, now) == "ses_1");
  first.ends_ms = now;
  keys.take({first, row(keys, "second", now)});
  CHECK_FALSE(keys.session_of(token, now));
}

TEST_CASE("a token that was believed is not any more when its time is over") {
  token_keys keys{secret, "HS256"};
  auto token = keys.issue(alice, 60, now);
  CHECK(keys.session_of(token, now));
  CHECK(keys.session_of(token, now + 59'999));
  CHECK_FALSE(keys.session_of(token, now + 60'000));
  CHECK_FALSE(keys.session_of(token + "A", now));
  CHECK_FALSE(keys.session_of(std::string(1'048'576, 'a'), now));
}

TEST_CASE("keys of another secret or of another algorithm do not count") {
  token_keys keys{secret, "RS256"};
  auto theirs = row(keys, "theirs", now);
  theirs.owner = "another";
  token_keys hs{secret, "HS256"};
  keys.take({theirs, row(hs, "hs", now)});
  CHECK_FALSE(keys.ready(now));
  auto ours = row(keys, "ours", now);
  keys.take({theirs, ours});
  CHECK(keys.ready(now));
  CHECK_FALSE(keys.check(hs.issue(alice, 60, now), now));
  auto listed = keys.public_keys(now)["keys"];
  REQUIRE(listed.size() == 1);
  CHECK(listed[0]["kid"] == "ours");
  for (auto& x : keys.rows()) CHECK(x.secret.empty());
}

TEST_CASE("thousands of tokens are believed without growing for ever") {
  token_keys keys{secret, "HS256"};
  auto first = keys.issue(alice, 60, now);
  for (int i = 0; i < 9'000; ++i) keys.session_of(keys.issue(alice, 60, now), now);
  CHECK(keys.session_of(first, now));
}
