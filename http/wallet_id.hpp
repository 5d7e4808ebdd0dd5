// A wallet's UUID and its owner's ULID are the same 128 bits, so neither needs a table.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace troupe {

/// "user_01ABC..." -> "018f...-....-....". REQUIRES: an id made by new_id("user").
std::string wallet_id_of(std::string_view user_id);
/// Back again; nothing for anything that is not such a UUID.
std::optional<std::string> owner_of_wallet(std::string_view wallet_id);

}  // namespace troupe
