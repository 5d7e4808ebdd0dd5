// A wallet as its owner sees it, and the movements in it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "http/routes.hpp"

namespace troupe {

inline constexpr asset default_currency = asset::dgpu;

/// The owner a path names, when the caller may look: oneself, or an admin anybody. Else nothing.
std::optional<std::string> owner_for(const call&, const std::string& owner);
/// The same by the wallet's id in {id}.
std::optional<std::string> owner_of_path(const call&);
void refuse_wallet(const call_ptr&);

struct wallet_view {
  user_row user;
  std::optional<wallet_row> told;
  std::vector<balance_row> balances;
  time_ms moved_ms = 0;  // the newest movement
};

/// Reads the wallet and hands it on, or answers 404.
void with_wallet(const call_ptr&, const std::optional<std::string>& owner,
                 std::function<void(const wallet_view&)> next);

balance_row balance_of(const std::vector<balance_row>&, account_kind, asset);
json balance_json(const balance_row&);
json wallet_json(const wallet_view&);
json transaction_json(const transaction_row&, const std::string& owner);
json withdrawal_json(const withdrawal_row&);

}  // namespace troupe
