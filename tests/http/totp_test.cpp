// One-time passwords against the vectors of RFC 6238, and what an app is told.
#include "http/totp.hpp"

#include <doctest/doctest.h>

using namespace troupe;

namespace {
const std::string secret = "12345678901234567890";
constexpr int64_t step = 37'037'036;  // of 1111111109 s
constexpr time_ms now_ms = 1'111'111'109'000;
}  // namespace

TEST_CASE("codes are those of RFC 6238, appendix B") {
  CHECK(totp_code(secret, 59 / 30) == "287082");
  CHECK(totp_code(secret, 1111111109 / 30) == "081804");
  CHECK(totp_code(secret, 1111111111 / 30) == "050471");
  CHECK(totp_code(secret, 1234567890 / 30) == "005924");
  CHECK(totp_code(secret, 2000000000 / 30) == "279037");
  CHECK(totp_code(secret, 20000000000 / 30) == "353130");
}

TEST_CASE("a code counts one step before and after its own, and never again") {
  for (auto away : {-1, 0, 1}) CHECK(totp_step(secret, totp_code(secret, step + away), now_ms, 0) == step + away);
  for (auto away : {-2, 2}) CHECK_FALSE(totp_step(secret, totp_code(secret, step + away), now_ms, 0));
  CHECK_FALSE(totp_step(secret, totp_code(secret, step), now_ms, step));
  CHECK_FALSE(totp_step(secret, totp_code(secret, step), now_ms, step + 1));
  CHECK(totp_step(secret, totp_code(secret, step), now_ms, step - 1) == step);
}

TEST_CASE("what is no code is none") {
  for (auto bad : {"", "0", "08180", "0818045", "a81804", "081805"}) CHECK_FALSE(totp_step(secret, bad, now_ms, 0));
}

TEST_CASE("base32 is that of RFC 4648 without padding") {
  CHECK(base32("") == "");
  CHECK(base32("f") == "MY");
  CHECK(base32("fo") == "MZXQ");
  CHECK(base32("foo") == "MZXW6");
  CHECK(base32("foob") == "MZXW6YQ");
  CHECK(base32("fooba") == "MZXW6YTB");
  CHECK(base32("foobar") == "MZXW6YTBOI");
}

TEST_CASE("an app is told in a URI, whatever the account is called") {
  CHECK(otpauth_uri("Troupe", "a b&c@x.org", "foobar") ==
        "otpauth://totp/Troupe:a%20b%26c%40x.org?secret=MZXW6YTBOI&issuer=Troupe&algorithm=SHA1&digits=6&period=30");
  CHECK(percent_encoded("az-AZ_09.~/\xc3\xa9") == "az-AZ_09.~%2F%C3%A9");
}
