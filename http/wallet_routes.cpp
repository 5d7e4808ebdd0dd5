// Wallets: told about, looked at, filled by the faucet of --dev.
#include "config/world.hpp"
#include "http/billing_routes.hpp"
#include "http/money_post.hpp"
#include "http/wallet_id.hpp"
#include "http/wallet_view.hpp"
#include "model/withdrawal.hpp"

namespace troupe {

namespace {

constexpr size_t id_bytes_max = 64, address_bytes_max = 128, signature_bytes_max = 256;

failure forbidden(std::string why) { return {errc::forbidden, std::move(why), {}, {}}; }

void create(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  wallet_row w;
  w.owner = f.text("user_id", id_bytes_max);
  w.wallet_type = f.text("wallet_type", 16, true);
  w.solana_address = f.text("solana_address", address_bytes_max, true);
  w.created_ms = c->e.h.now_ms();
  static const std::set<std::string> types{"user", "provider", "platform"};
  if (!types.contains(w.wallet_type)) f.refuse("wallet_type must be user, provider or platform");
  if (!is_solana_address(w.solana_address))
    f.refuse("solana_address is not an address: base 58 of 32 bytes", "INVALID_SOLANA_ADDRESS");
  if (auto bad = f.problem()) return c->refuse(*bad);
  if (w.owner.empty()) w.owner = c->who->user_id;
  if (!owner_for(*c, w.owner)) return c->refuse(forbidden("user_id must be your own"));
  if (w.wallet_type == "platform" && c->who->role != "admin")
    return c->refuse(forbidden("only an admin makes a platform wallet"));
  with_wallet(c, w.owner, [c, w](const wallet_view& found) {
    auto view = found;
    view.told = w;
    money_post post{w.owner, {}, 201, wallet_json(view)};
    post.what.wallet = w;
    commit_money(c, std::move(post), {}, [](failure why) {
      if (why.code == errc::conflict) why.word = "WALLET_ALREADY_EXISTS";
      return why;
    });
  });
}

void show(const call_ptr& c, const std::optional<std::string>& owner) {
  with_wallet(c, owner, [c](const wallet_view& w) { c->reply(200, wallet_json(w)); });
}
void of_user(const call_ptr& c) { show(c, owner_for(*c, c->params["id"])); }
void of_wallet(const call_ptr& c) { show(c, owner_of_path(*c)); }

/// A chain's signature names one movement of money, so it becomes the transfer's id: whoever shows it again, under
/// whatever key, credits nothing.
void credit(const call_ptr& c, const transaction_row& t, const std::string& signature) {
  auto owner = t.credit.owner;
  money_post post{owner, {}, 200, transaction_json(t, owner)};
  post.what.transfers.push_back({t.id, t.code, t.debit, t.credit, t.value, t.note});
  if (!signature.empty()) {
    auto content = owner + " " + format_amount(t.value) + " " + std::string{to_string(t.debit.currency)};
    post.answer["solana_signature"] = signature;
    post.what.once =
        idempotency_row{"deposit signature", sha256_hex(signature), sha256_hex(content), 200, post.answer.dump()};
  }
  auto keyed = !c->request.idempotency_key.empty();
  commit_money(
      c, std::move(post),
      [](json& answer, const change_result& done) { answer["balance"] = format_amount(done.balance); },
      [signature, keyed](failure why) {
        if (why.code != errc::key_reused || signature.empty() || keyed) return why;
        return failure{errc::conflict, "that signature was credited with other content", {}, {}};
      });
}

void deposit(const call_ptr& c) {
  if (!c->e.h.settings.dev) return c->refuse(forbidden("deposits by request exist under --dev only"));
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  transaction_row t;
  t.value = f.money("amount", true).value_or(0);
  auto currency = f.currency("currency").value_or(default_currency);
  auto signature = f.text("solana_signature", signature_bytes_max);
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto owner = owner_of_path(*c);
  t.id = signature.empty() ? new_id("txn") : "dep_" + sha256_hex(signature).substr(0, 40);
  t.code = transfer_code::deposit;
  t.debit = {std::string{platform_owner}, account_kind::issuance, currency};
  t.note = signature.empty() ? "faucet" : "faucet for " + signature;
  t.at_ms = c->e.h.now_ms();
  with_wallet(c, owner, [c, t, currency, signature](const wallet_view& w) mutable {
    t.credit = {w.user.id, account_kind::available, currency};
    credit(c, t, signature);
  });
}

}  // namespace

void add_wallet_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run) {
    rows.push_back({verb, path, access::user, doc, run});
  };
  add("POST", "/api/v1/billing/wallet", "Tell your wallet's type and address", create);
  add("GET", "/api/v1/billing/wallet/{id}", "A wallet", of_wallet);
  add("GET", "/api/v1/billing/wallet/{id}/balance", "A wallet's balance", of_wallet);
  add("GET", "/api/v1/billing/user/{id}/wallet", "A user's wallet", of_user);
  add("GET", "/api/v1/billing/user/{id}/balance", "A user's balance", of_user);
  add("POST", "/api/v1/billing/wallet/{id}/deposit", "Faucet money into a wallet (--dev only)", deposit);
}

}  // namespace troupe
