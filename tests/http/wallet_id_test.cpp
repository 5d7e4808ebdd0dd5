// A wallet's UUID and its owner's id are two ways to write one number.
#include "http/wallet_id.hpp"

#include <doctest/doctest.h>

#include "config/world.hpp"

using namespace troupe;

TEST_CASE("a wallet id leads back to its owner") {
  for (int i = 0; i < 1'000; ++i) {
    auto user = new_id("user");
    auto wallet = wallet_id_of(user);
    CHECK(wallet.size() == 36);
    CHECK(owner_of_wallet(wallet) == user);
  }
  CHECK(wallet_id_of("user_00000000000000000000000000") == "00000000-0000-0000-0000-000000000000");
  CHECK(wallet_id_of("user_7ZZZZZZZZZZZZZZZZZZZZZZZZZ") == "ffffffff-ffff-ffff-ffff-ffffffffffff");
}

TEST_CASE("different owners have different wallets") {
  CHECK(wallet_id_of(new_id("user")) != wallet_id_of(new_id("user")));
}

TEST_CASE("what is no wallet id has no owner") {
  for (auto bad : {"", "00000000", "00000000000000000000000000000000", "00000000-0000-0000-0000-00000000000g",
                   "00000000-0000-0000-0000-0000000000000", "0000000-00000-0000-0000-000000000000",
                   "FFFFFFFF-ffff-ffff-ffff-ffffffffffff", "../../../../etc/passwd-0000-000000000",
                   "------------------------------------"}) {
    INFO(bad);
    CHECK_FALSE(owner_of_wallet(bad));
  }
}
