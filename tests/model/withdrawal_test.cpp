// Money on its way out: what is refused before the store, and what the three changes hold.
#include "model/withdrawal.hpp"

#include <doctest/doctest.h>

#include "model/error.hpp"

using namespace troupe;

namespace {

const std::string address = "So11111111111111111111111111111111111111112";
constexpr time_ms now = 1'800'000'000'000;

withdrawal_wish wish(amount value, account_kind source = account_kind::available) {
  return {"user_ann", address, source, asset::dgpu, value};
}
change made(const withdrawal_wish& x, const withdrawal_rules& rules = {}) {
  auto c = reserve_withdrawal(x, rules, "wdr_1", now);
  if (auto bad = std::get_if<failure>(&c)) FAIL(bad->detail);
  return std::get<change>(c);
}
failure refused(const withdrawal_wish& x, const withdrawal_rules& rules = {}) {
  auto c = reserve_withdrawal(x, rules, "wdr_1", now);
  REQUIRE(std::holds_alternative<failure>(c));
  return std::get<failure>(c);
}

}  // namespace

TEST_CASE("an address is base 58 of exactly 32 bytes") {
  CHECK(is_solana_address(address));
  CHECK(is_solana_address("11111111111111111111111111111111"));
  CHECK(is_solana_address("TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5DA"));
  CHECK(is_solana_address("JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFG"));  // 32 bytes of 255
  for (auto text : {"", "abc", "0o11111111111111111111111111111111111111112", "1111111111111111111111111111111",
                    "111111111111111111111111111111111", "JEKNVnkbo3jma5nREBBJCDoXFVeKkD56V3xKrvRmWxFH",
                    "zzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzzz", "TokenkegQfeZyiNwAJbNbGKPFXCWuBvf9Ss623VQ5D",
                    "So11111111111111111111111111111111111111112 ", "0x52908400098527886E0F7030069857D2E4169EE7",
                    "1So11111111111111111111111111111111111111112"})
    CHECK_FALSE(is_solana_address(text));
}

TEST_CASE("a withdrawal holds what it takes, and its row says the same") {
  auto c = made(wish(3 * one));
  REQUIRE(c.opens);
  REQUIRE(c.withdraws);
  auto& w = c.withdraws->row;
  CHECK(c.opens->id == w.hold_id);
  CHECK(c.opens->job_id == "wdr_1");
  CHECK(c.opens->value == 3 * one);
  CHECK(c.opens->account == account_key{"user_ann", account_kind::available, asset::dgpu});
  CHECK(w.value == 3 * one);
  CHECK(w.fee == 0);
  CHECK(w.state == withdrawal_state::reserved);
  CHECK(w.expires_ms == now + 24 * 3'600'000);
  CHECK(c.withdraws->since_ms == now - 24 * 3'600'000);
  CHECK(c.withdraws->limit == 5000 * one);
  REQUIRE(c.events.size() == 1);
  CHECK(c.events[0].kind == "withdrawal_reserved");
}

TEST_CASE("the fee of a payout is taken out of it, rounded up, and nothing is lost") {
  auto c = made(wish(10 * one + 1, account_kind::payable));
  auto& w = c.withdraws->row;
  CHECK(c.opens->account.kind == account_kind::payable);
  CHECK(w.fee == 100'000'001);
  CHECK(w.value + w.fee == 10 * one + 1);
  withdrawal_rules free;
  free.payout_fee_bps = 0;
  CHECK(made(wish(10 * one, account_kind::payable), free).withdraws->row.fee == 0);
}

TEST_CASE("what is too much, too little or nowhere is refused by its own word") {
  CHECK(refused(wish(0)).word == "INVALID_AMOUNT");
  CHECK(refused(wish(-1)).word == "INVALID_AMOUNT");
  CHECK(refused(wish(1000 * one + 1)).code == errc::limit_exceeded);
  made(wish(1000 * one));
  CHECK(refused(wish(10 * one - 1, account_kind::payable)).word == "MINIMUM_PAYOUT_AMOUNT");
  made(wish(10 * one, account_kind::payable));
  auto nowhere = wish(one);
  nowhere.to_address = "somewhere";
  CHECK(refused(nowhere).word == "INVALID_SOLANA_ADDRESS");
  withdrawal_rules dear;
  dear.payout_min = 0;
  CHECK(refused(wish(1, account_kind::payable), dear).word == "MINIMUM_PAYOUT_AMOUNT");
}

TEST_CASE("approving captures everything for the chain, cancelling releases everything") {
  auto payout = made(wish(100 * one, account_kind::payable)).withdraws->row;
  auto yes = approve_withdrawal(payout, "fine", now + 1);
  REQUIRE(yes.closes);
  CHECK(yes.closes->code == transfer_code::payout);
  CHECK(yes.closes->provider.kind == account_kind::in_transit);
  CHECK(yes.closes->provider.owner == platform_owner);
  CHECK(yes.closes->paid.subtotal == 99 * one);
  CHECK(yes.closes->paid.fee == one);
  CHECK(yes.closes->matures_ms == 0);
  CHECK(yes.withdrawal->to == withdrawal_state::approved);
  CHECK(approve_withdrawal(made(wish(one)).withdraws->row, "", now).closes->code == transfer_code::withdrawal);
  auto no = cancel_withdrawal(payout, "changed my mind", now + 1);
  CHECK(no.closes->paid.subtotal == 0);
  CHECK(no.closes->paid.fee == 0);
  CHECK(no.withdrawal->from == withdrawal_state::reserved);
  CHECK(no.withdrawal->to == withdrawal_state::cancelled);
}
