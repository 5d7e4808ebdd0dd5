// A question to the dispatcher: what is free, and what waits.
#pragma once

#include "model/market.hpp"

namespace troupe {

struct read_market {
  using reply = market_view;
};

}  // namespace troupe
