// INTERNAL to config: the operator's prices, from text to the price book.
#pragma once

#include "config/layers.hpp"

namespace troupe {

/// Fills `config::prices` from the built-in book and what was given. Throws config_error.
void read_prices(config&, const settings& given);

}  // namespace troupe
