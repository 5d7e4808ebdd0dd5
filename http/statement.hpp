// The statement of one account: what it held, what moved it, what it held then.
#pragma once

#include <string>
#include <vector>

#include "actors/messages.hpp"
#include "http/json.hpp"

namespace troupe {

/// One request looks back no further.
inline constexpr int64_t scanned_rows_max = 10'000;

struct statement_line {
  transaction_row row;
  amount change = 0, balance = 0;  // balance: after it
};

struct statement {
  account_key account;
  time_ms from = 0, to = 0;  // from <= at < to
  amount opening = 0, closing = 0;
  std::vector<statement_line> lines;  // oldest first
  bool complete = true;               // false: `from` is too far back
};

statement make_statement(store_reader&, const account_key&, time_ms from, time_ms to);
json statement_json(const statement&, time_ms now_ms);
http_reply statement_csv(const statement&);

}  // namespace troupe
