// The audit sees every edit of a withdrawal or of its hold.
#include "model/withdrawal.hpp"
#include "tests/persistence/desk.hpp"
#include "tests/persistence/sqlite_engine.hpp"

namespace troupe::lives {

namespace {

const std::string somewhere = "So11111111111111111111111111111111111111112";

/// One reserved, one approved, one cancelled, and a payout with its fee.
struct paid_out : desk<sqlite_engine> {
  paid_out() {
    must(grant("t1", wallet_of("ann"), 100 * one));
    must(grant("t2", {"ann", account_kind::payable, asset::dgpu}, 100 * one));
    take(1, account_kind::available);
    must(approve_withdrawal(take(2, account_kind::available), "", begin_ms));
    must(cancel_withdrawal(take(3, account_kind::available), "", begin_ms));
    must(approve_withdrawal(take(4, account_kind::payable), "", begin_ms));
  }
  withdrawal_row take(int64_t n, account_kind from) {
    auto made = reserve_withdrawal({"ann", somewhere, from, asset::dgpu, 10 * one}, {}, id_of("wdr", n), begin_ms);
    must(std::get<change>(made));
    return std::get<change>(made).withdraws->row;
  }
};

}  // namespace

TEST_CASE("every edit of a withdrawal is a breach") {
  auto id = [](int64_t n) { return " WHERE id='" + id_of("wdr", n) + "'"; };
  const std::vector<std::pair<std::string, std::string>> edits{
      {"UPDATE withdrawals SET amount=amount+1" + id(1), "not what is held"},
      {"UPDATE withdrawals SET amount=amount-1" + id(2), "in transit"},
      {"UPDATE withdrawals SET fee=fee+1" + id(3), "not what is held"},
      {"UPDATE withdrawals SET amount=amount+fee, fee=0" + id(4), "in transit"},
      {"UPDATE withdrawals SET state=1" + id(1), "its hold is open"},
      {"UPDATE withdrawals SET state=2" + id(1), "its hold is open"},
      {"UPDATE withdrawals SET state=0" + id(2), "its hold is closed"},
      {"UPDATE withdrawals SET state=2" + id(2), "something was captured"},
      {"UPDATE withdrawals SET state=1" + id(3), "not all of it was captured"},
      {"UPDATE withdrawals SET user_id='bob'" + id(1), "in another account"},
      {"UPDATE withdrawals SET source=13" + id(1), "in another account"},
      {"UPDATE withdrawals SET asset=1" + id(1), "in another account"},
      {"UPDATE withdrawals SET hold_id='x'" + id(1), "there is no hold x"},
      {"UPDATE withdrawals SET hold_id='hold_" + id_of("wdr", 1) + "'" + id(2), "of something else"},
      {"DELETE FROM withdrawals" + id(1), "no such withdrawal"},
      {"DELETE FROM withdrawals" + id(2), "in transit"},
  };
  {
    paid_out d;
    d.books_are_right();
  }
  for (const auto& [edit, phrase] : edits) {
    INFO(edit);
    paid_out d;
    REQUIRE(d.engine.edit(edit) == 1);
    std::string all;
    for (const auto& b : d.db->verify().breaches) all += b + "\n";
    INFO(all);
    CHECK(all.find(phrase) != std::string::npos);
  }
}

}  // namespace troupe::lives
