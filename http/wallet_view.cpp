// Every user has a wallet; what is in it are his accounts, and the row only says what its owner told about it.
#include "http/wallet_view.hpp"

#include "config/world.hpp"
#include "http/wallet_id.hpp"

namespace troupe {

std::optional<std::string> owner_for(const call& c, const std::string& owner) {
  if (owner == c.who->user_id || c.who->role == "admin") return owner;
  return std::nullopt;
}

std::optional<std::string> owner_of_path(const call& c) {
  auto owner = owner_of_wallet(c.params.find("id")->second);
  return owner ? owner_for(c, *owner) : owner;
}

void refuse_wallet(const call_ptr& c) { c->refuse({errc::not_found, "Wallet not found", {}, {}, "WALLET_NOT_FOUND"}); }

void with_wallet(const call_ptr& c, const std::optional<std::string>& owner,
                 std::function<void(const wallet_view&)> next) {
  if (!owner) return refuse_wallet(c);
  auto read = [who = *owner](store_reader& db) {
    std::optional<wallet_view> found;
    auto user = db.find_user(who);
    if (!user) return found;
    found = wallet_view{std::move(*user), db.books().find_wallet(who), db.balances(who), 0};
    for (auto& t : db.transactions(who, 1, 0, {})) found->moved_ms = t.at_ms;
    return found;
  };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<wallet_view>& found) {
    if (!found) return refuse_wallet(c);
    next(*found);
  });
}

balance_row balance_of(const std::vector<balance_row>& all, account_kind kind, asset currency) {
  for (auto& b : all)
    if (b.account.kind == kind && b.account.currency == currency) return b;
  return {};
}

json balance_json(const balance_row& b) {
  return {{"balance", format_amount(b.balance)},
          {"held", format_amount(b.held)},
          {"available", format_amount(b.balance - b.held)},
          {"pending", "0"}};
}

json wallet_json(const wallet_view& w) {
  auto b = balance_of(w.balances, account_kind::available, default_currency);
  auto balances = json::object();
  for (auto& x : w.balances)
    if (x.account.kind == account_kind::available)
      balances[std::string{to_string(x.account.currency)}] = balance_json(x);
  auto staked = json::object();
  for (auto& x : w.balances)
    if (x.account.kind == account_kind::stake)
      staked[std::string{to_string(x.account.currency)}] = format_amount(x.balance);
  auto id = wallet_id_of(w.user.id);
  auto made = w.told ? w.told->created_ms : w.user.created_ms;
  auto touched = time_json(std::max(made, w.moved_ms));
  return {{"id", id},
          {"wallet_id", id},
          {"user_id", w.user.id},
          {"wallet_type", w.told ? w.told->wallet_type : "user"},
          {"solana_address", w.told ? json(w.told->solana_address) : json(nullptr)},
          {"currency", to_string(default_currency)},
          {"balance", format_amount(b.balance)},
          {"locked_balance", format_amount(b.held)},
          {"pending_balance", "0"},
          {"available_balance", format_amount(b.balance - b.held)},
          {"total_balance", format_amount(b.balance)},
          {"balances", std::move(balances)},
          {"staked", std::move(staked)},
          {"is_active", true},
          {"created_at", time_json(made)},
          {"updated_at", touched},
          {"last_activity_at", touched},
          {"last_updated", touched}};
}

json transaction_json(const transaction_row& t, const std::string& owner) {
  auto wallet = [](const account_key& a) {
    return a.owner.starts_with("user_") ? json(wallet_id_of(a.owner)) : json(nullptr);
  };
  auto incoming = t.credit.owner == owner;
  auto has_seq = t.seq > 0;  // not yet known of one that is being made
  json row{{"id", t.id},
           {"wallet_id", wallet_id_of(owner)},
           {"from_wallet_id", wallet(t.debit)},
           {"to_wallet_id", wallet(t.credit)},
           {"type", to_string(t.code)},
           {"direction", incoming ? "in" : "out"},
           {"status", "confirmed"},
           {"amount", format_amount(t.value)},
           {"fee", "0"},
           {"currency", to_string(t.debit.currency)},
           {"job_id", t.job_id.empty() ? json(nullptr) : json(t.job_id)},
           {"description", t.note},
           {"created_at", time_json(t.at_ms)},
           {"confirmed_at", time_json(t.at_ms)}};
  if (has_seq) row["seq"] = t.seq;
  return row;
}

json withdrawal_json(const withdrawal_row& w) {
  auto waits = w.state == withdrawal_state::reserved || w.state == withdrawal_state::approved;
  auto status = waits                                    ? "pending"
                : w.state == withdrawal_state::cancelled ? "cancelled"
                : w.state == withdrawal_state::sent      ? "confirmed"
                                                         : "failed";
  return {{"id", w.id},
          {"withdrawal_id", w.id},
          {"user_id", w.user_id},
          {"from_wallet_id", wallet_id_of(w.user_id)},
          {"type", w.source == account_kind::payable ? "payout" : "withdrawal"},
          {"status", status},
          {"state", to_string(w.state)},
          {"amount", format_amount(w.value + w.fee)},
          {"fee", format_amount(w.fee)},
          {"net_amount", format_amount(w.value)},
          {"currency", to_string(w.currency)},
          {"to_address", w.to_address},
          {"hold_id", w.hold_id},
          {"description", w.note},
          {"created_at", time_json(w.created_ms)},
          {"updated_at", time_json(w.changed_ms)},
          {"expires_at", w.state == withdrawal_state::reserved ? time_json(w.expires_ms) : json(nullptr)}};
}

}  // namespace troupe
