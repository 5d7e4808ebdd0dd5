// The account: balances, usage and ceilings; the faucet of --dev; what an admin gives and corrects.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/money_post.hpp"
#include "http/spend_fields.hpp"
#include "http/wallet_view.hpp"
#include "model/spending.hpp"

namespace troupe {

namespace {

struct account_view {
  std::vector<balance_row> balances;
  std::vector<usage_add> usage;
};

/// Costs of the default currency, by month.
json usage_json(const std::vector<usage_add>& all, time_ms now_ms) {
  auto this_month = month_of(now_ms);
  constexpr time_ms day_ms = 24LL * 3600 * 1000;
  auto first_day = parse_day(this_month + "-01").value_or(0);
  auto last_month = month_of(first_day - day_ms);
  amount current = 0, last = 0, total = 0;
  for (auto& x : all) {
    if (x.currency != default_currency) continue;
    total += x.cost;
    if (x.day.starts_with(this_month)) current += x.cost;
    if (x.day.starts_with(last_month)) last += x.cost;
  }
  return {{"current_month", format_amount(current)},
          {"last_month", format_amount(last)},
          {"total", format_amount(total)},
          {"currency", to_string(default_currency)}};
}

json account_json(const principal& w, const account_view& view, time_ms now_ms) {
  auto balances = json::object();
  std::map<account_kind, json> others;
  for (auto& b : view.balances) {
    auto name = std::string{to_string(b.account.currency)};
    if (b.account.kind == account_kind::available)
      balances[name] = balance_json(b);
    else
      others[b.account.kind][name] = format_amount(b.balance);
  }
  auto own = balance_of(view.balances, account_kind::available, default_currency);
  json answer{{"id", w->user_id},
              {"email", w->email},
              {"username", w->username},
              {"organization", w->organization},
              {"tier", w->tier},
              {"currency", to_string(default_currency)},
              {"balance", format_amount(own.balance)},
              {"held", format_amount(own.held)},
              {"available", format_amount(own.balance - own.held)},
              {"balances", std::move(balances)},
              {"usage", usage_json(view.usage, now_ms)},
              {"limits", limits_json(w->limits)},
              {"created_at", time_json(w->created_ms)}};
  for (auto [kind, name] : {std::pair{account_kind::earned, "earned"}, std::pair{account_kind::payable, "payable"},
                            std::pair{account_kind::stake, "staked"}})
    if (others.contains(kind)) answer[name] = others[kind];
  return answer;
}

void account(const call_ptr& c) {
  auto read = [user = c->who->user_id](store_reader& db) {
    usage_filter all;
    all.user_id = user;
    return account_view{db.balances(user), db.books().usage(all)};
  };
  ask_store(c, std::move(read), [c](const account_view& view) {
    auto answer = account_json(c->who, view, c->e.h.now_ms());
    auto tier = rules_of(c->e.h.settings.tier_profile, c->who->tier);
    if (tier.per_minute > 0) answer["limits"]["rate_limit"] = tier.per_minute;
    c->reply(200, answer);
  });
}

/// A name that is there is set, null removes it; what is not named stays.
void set_limits(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto currency = f.currency("currency").value_or(default_currency);
  static const std::map<std::string_view, std::string_view> periods{
      {"daily_spend", "day"}, {"monthly_spend", "month"}, {"total_spend", "total"}};
  auto limits = read_limits(f, std::get<json>(body), periods, currency);
  if (limits.empty()) f.refuse("daily_spend, monthly_spend or total_spend is required");
  if (auto bad = f.problem()) return c->refuse(*bad);
  for (auto& x : limits) x.scope = "user:" + c->who->user_id;
  change_money message{c->who->user_id, {}};
  message.what.spend_limits = limits;
  message.what.audit = audit_of(*c, c->who->user_id);
  ask(c, c->e.h.actors.wallets.get(), std::move(message), [c](const change_result& done) {
    if (done.why != errc::ok) return c->refuse(to_failure(done));
    forget(*c, c->who->user_id);
    auto read = [scope = "user:" + c->who->user_id](store_reader& db) { return db.books().spend_limits(scope); };
    ask_store(c, std::move(read), [c](const std::vector<spend_limit>& all) {
      c->reply(200, {{"success", true}, {"limits", limits_json(all)}});
    });
  });
}

/// Puts money into `user_id`'s wallet and answers with the new balance.
void pay_in(const call_ptr& c, const std::string& user_id, transfer x) {
  x.id = new_id("txn");
  x.debit = {std::string{platform_owner}, account_kind::issuance, x.credit.currency};
  money_post post{user_id, {}, 200, {}};
  post.answer = {{"success", true},
                 {"transaction_id", x.id},
                 {"user_id", user_id},
                 {"amount", format_amount(x.value)},
                 {"currency", to_string(x.credit.currency)},
                 {"timestamp", iso_time(c->e.h.now_ms())}};
  post.what.audit = audit_of(
      *c, user_id, {{"amount", post.answer["amount"]}, {"currency", post.answer["currency"]}, {"transfer", x.id}});
  post.what.transfers.push_back(std::move(x));
  commit_money(c, std::move(post),
               [](json& answer, const change_result& done) { answer["balance"] = format_amount(done.balance); });
}

void faucet(const call_ptr& c) {
  if (!c->e.h.settings.dev) return c->refuse({errc::forbidden, "deposits by request exist under --dev only", {}, {}});
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  transfer x;
  x.code = transfer_code::deposit;
  x.note = "faucet";
  x.value = f.money("amount", true).value_or(0);
  x.credit = {c->who->user_id, account_kind::available, f.currency("currency").value_or(default_currency)};
  if (auto bad = f.problem()) return c->refuse(*bad);
  pay_in(c, c->who->user_id, std::move(x));
}

void grant(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  transfer x;
  x.code = transfer_code::grant;
  auto user = f.text("user_id", 64, true);
  x.value = f.money("amount", true).value_or(0);
  x.credit = {user, account_kind::available, f.currency("currency").value_or(asset::credit)};
  x.note = f.text("description", 512);
  if (auto bad = f.problem()) return c->refuse(*bad);
  ask(c, c->e.h.actors.reader(), find_user{user},
      [c, user, x = std::move(x)](const user_row&) mutable { pay_in(c, user, std::move(x)); });
}

/// The row to undo is read for the answer only; whether it may be undone is the store's to say.
void correct(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto id = f.text("transaction_id", 256, true);
  auto note = f.text("note", 512, true);
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto read = [id](store_reader& db) { return db.books().find_transaction(id); };
  ask_store(c, std::move(read), [c, id, note](const std::optional<transaction_row>& old) {
    if (!old) return c->refuse({errc::not_found, "Transaction not found", {}, {}});
    auto made = *old;
    made.id = id + "/correction";
    made.seq = 0;
    made.code = transfer_code::correction;
    std::swap(made.debit, made.credit);
    made.note = note;
    made.at_ms = c->e.h.now_ms();
    auto user = old->debit.owner.starts_with("user_") ? old->debit.owner : old->credit.owner;
    money_post post{user, {}, 200, transaction_json(made, user)};
    post.answer["transaction_id"] = made.id;
    post.answer["corrects"] = id;
    post.what.corrects = correction{id, note};
    post.what.audit = audit_of(*c, id);
    commit_money(c, std::move(post));
  });
}

}  // namespace

void add_money_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/account", access::user, "Your account, balances, usage and ceilings", account});
  rows.push_back(audited("limits.set", {"PUT", "/api/v1/account/limits", access::user,
                                        "What may be spent in a day, a month, in all", set_limits}));
  rows.push_back({"POST", "/api/v1/account/deposit", access::user, "Faucet money (--dev only)", faucet});
  rows.push_back(
      audited("credits.grant", {"POST", "/api/admin/credits/grant", access::admin, "Give a user money", grant}));
  rows.push_back(audited("ledger.correct", {"POST", "/api/admin/ledger/corrections", access::admin,
                                            "Undo a transfer by its opposite", correct}));
}

}  // namespace troupe
