// Account, wallet, transactions, the faucet of --dev, an admin's grants.
#include "config/world.hpp"
#include "http/routes.hpp"
#include "http/wallet_id.hpp"

namespace troupe {

namespace {

constexpr asset default_currency = asset::dgpu;

json balance_json(const balance_row& b) {
  return {{"balance", format_amount(b.balance)},
          {"held", format_amount(b.held)},
          {"available", format_amount(b.balance - b.held)},
          {"pending", "0"}};
}

balance_row balance_of(const balance_page& page, asset currency) {
  for (auto& b : page.balances)
    if (b.account.kind == account_kind::available && b.account.currency == currency) return b;
  return {};
}

void account(const call_ptr& c) {
  ask(c, c->e.h.actors.reader(), read_balances{c->who.user_id}, [c](const balance_page& page) {
    auto balances = json::object();
    auto earned = json::object();
    for (auto& b : page.balances) {
      auto name = std::string{to_string(b.account.currency)};
      if (b.account.kind == account_kind::available) balances[name] = balance_json(b);
      if (b.account.kind == account_kind::earned) earned[name] = format_amount(b.balance);
    }
    auto own = balance_of(page, default_currency);
    auto& w = c->who;
    json answer{{"id", w.user_id},
                {"email", w.email},
                {"username", w.username},
                {"organization", w.organization},
                {"tier", w.tier},
                {"currency", to_string(default_currency)},
                {"balance", format_amount(own.balance)},
                {"held", format_amount(own.held)},
                {"available", format_amount(own.balance - own.held)},
                {"balances", std::move(balances)},
                {"created_at", time_json(w.created_ms)}};
    if (!earned.empty()) answer["earned"] = std::move(earned);
    c->reply(200, answer);
  });
}

/// Puts money into `user_id`'s wallet and answers with the new balance; repeatable under an Idempotency-Key.
void pay_in(const call_ptr& c, deposit_money message, std::string_view scope) {
  auto now = c->e.h.now_ms();
  message.transfer_id = new_id("txn");
  json answer{{"success", true},
              {"transaction_id", message.transfer_id},
              {"user_id", message.user_id},
              {"amount", format_amount(message.value)},
              {"currency", to_string(message.currency)},
              {"timestamp", iso_time(now)}};
  auto& key = c->request.idempotency_key;
  if (key.size() > limits::idempotency_key_bytes_max)
    return c->refuse({errc::invalid, "Idempotency-Key is too long", {}, {}});
  if (!key.empty())
    message.once = idempotency_row{c->who.user_id + " " + std::string{scope}, key, sha256_hex(c->request.body), 200,
                                   answer.dump()};
  ask(c, c->e.h.actors.wallets.get(), std::move(message), [c, answer](const change_result& result) mutable {
    if (result.why != errc::ok) return c->refuse(to_failure(result));
    if (result.replayed) {
      auto first = json_reply(result.status, json::parse(result.body));
      first.headers.emplace_back("Idempotent-Replayed", "true");
      return c->done(std::move(first));
    }
    answer["balance"] = format_amount(result.balance);
    c->reply(200, answer);
  });
}

void faucet(const call_ptr& c) {
  if (!c->e.h.settings.dev) return c->refuse({errc::forbidden, "deposits by request exist under --dev only", {}, {}});
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  deposit_money message;
  message.user_id = c->who.user_id;
  message.value = f.money("amount", true).value_or(0);
  message.currency = f.currency("currency").value_or(default_currency);
  message.note = "faucet";
  if (auto bad = f.problem()) return c->refuse(*bad);
  pay_in(c, std::move(message), "POST /api/v1/account/deposit");
}

void grant(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  deposit_money message;
  message.code = transfer_code::grant;
  message.user_id = f.text("user_id", 64, true);
  message.value = f.money("amount", true).value_or(0);
  message.currency = f.currency("currency").value_or(asset::credit);
  message.note = f.text("description", 512);
  if (auto bad = f.problem()) return c->refuse(*bad);
  find_user known{message.user_id};
  ask(c, c->e.h.actors.reader(), std::move(known), [c, message = std::move(message)](const user_row&) mutable {
    pay_in(c, std::move(message), "POST /api/admin/credits/grant");
  });
}

/// The owner a path names, when the caller may look: oneself, or an admin anybody.
std::optional<std::string> owner_for(const call& c, const std::string& owner) {
  if (owner == c.who.user_id || c.who.role == "admin") return owner;
  return std::nullopt;
}

void refuse_wallet(const call_ptr& c) { c->refuse({errc::not_found, "Wallet not found", {}, {}}); }

json wallet_json(const std::string& owner, const balance_page& page) {
  auto b = balance_of(page, default_currency);
  auto balances = json::object();
  for (auto& x : page.balances)
    if (x.account.kind == account_kind::available)
      balances[std::string{to_string(x.account.currency)}] = balance_json(x);
  auto id = wallet_id_of(owner);
  return {{"id", id},
          {"wallet_id", id},
          {"user_id", owner},
          {"wallet_type", "user"},
          {"currency", to_string(default_currency)},
          {"balance", format_amount(b.balance)},
          {"locked_balance", format_amount(b.held)},
          {"pending_balance", "0"},
          {"available_balance", format_amount(b.balance - b.held)},
          {"total_balance", format_amount(b.balance)},
          {"balances", std::move(balances)},
          {"is_active", true}};
}

void wallet_of(const call_ptr& c, const std::optional<std::string>& owner) {
  if (!owner) return refuse_wallet(c);
  ask(c, c->e.h.actors.reader(), find_user{*owner}, [c, owner](const user_row& user) {
    ask(c, c->e.h.actors.reader(), read_balances{*owner}, [c, owner, at = user.created_ms](const balance_page& page) {
      auto answer = wallet_json(*owner, page);
      answer["created_at"] = time_json(at);
      answer["last_updated"] = iso_time(c->e.h.now_ms());
      c->reply(200, answer);
    });
  });
}

void user_wallet(const call_ptr& c) { wallet_of(c, owner_for(*c, c->params["id"])); }

void wallet_balance(const call_ptr& c) {
  auto owner = owner_of_wallet(c->params["id"]);
  wallet_of(c, owner ? owner_for(*c, *owner) : owner);
}

json transaction_json(const transaction_row& t, const std::string& owner) {
  auto wallet = [](const account_key& a) {
    return a.owner.starts_with("user_") ? json(wallet_id_of(a.owner)) : json(nullptr);
  };
  auto incoming = t.credit.owner == owner;
  return {{"id", t.id},
          {"seq", t.seq},
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
}

void transactions(const call_ptr& c) {
  auto owner = owner_of_wallet(c->params["id"]);
  if (owner) owner = owner_for(*c, *owner);
  if (!owner) return refuse_wallet(c);
  auto limit = query_integer(c->request.query, "limit", 1, limits::page_rows_max, 50);
  auto offset = query_integer(c->request.query, "offset", 0, 1'000'000'000, 0);
  if (!limit || !offset)
    return c->refuse({errc::invalid, "limit (1 to 1000) and offset (from 0) must be integers", {}, {}});
  read_transactions message{*owner, static_cast<int32_t>(*limit), static_cast<int32_t>(*offset),
                            query_value(c->request.query, "job_id")};
  ask(c, c->e.h.actors.reader(), message, [c, message](const transaction_page& page) {
    auto rows = json::array();
    for (auto& t : page.rows) rows.push_back(transaction_json(t, message.owner));
    c->reply(200, {{"transactions", std::move(rows)},
                   {"total", page.total},
                   {"limit", message.limit},
                   {"offset", message.offset},
                   {"wallet_id", wallet_id_of(message.owner)}});
  });
}

}  // namespace

void add_money_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/account", access::user, "Your account and balances", account});
  rows.push_back({"POST", "/api/v1/account/deposit", access::user, "Faucet money (--dev only)", faucet});
  rows.push_back({"GET", "/api/v1/billing/user/{id}/wallet", access::user, "A user's wallet", user_wallet});
  rows.push_back({"GET", "/api/v1/billing/user/{id}/balance", access::user, "A user's balance", user_wallet});
  rows.push_back({"GET", "/api/v1/billing/wallet/{id}/balance", access::user, "A wallet's balance", wallet_balance});
  rows.push_back({"GET", "/api/v1/billing/wallet/{id}/transactions", access::user,
                  "Every movement, newest first: ?limit=&offset=&job_id=", transactions});
  rows.push_back({"POST", "/api/admin/credits/grant", access::admin, "Give a user money", grant});
}

}  // namespace troupe
