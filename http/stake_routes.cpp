// Money locked as a pledge, and what an admin may take of it.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/billing_routes.hpp"
#include "http/money_post.hpp"
#include "http/wallet_view.hpp"

namespace troupe {

namespace {

/// A transfer between two accounts of one asset with the answer that tells of it.
money_post post_of(const call& c, const std::string& user_id, transfer x) {
  x.id = new_id("txn");
  money_post post{user_id, {}, 200, {}};
  post.answer = {{"success", true},
                 {"transaction_id", x.id},
                 {"user_id", user_id},
                 {"type", to_string(x.code)},
                 {"amount", format_amount(x.value)},
                 {"currency", to_string(x.debit.currency)},
                 {"timestamp", iso_time(c.e.h.now_ms())}};
  post.what.transfers.push_back(std::move(x));
  return post;
}

void lock_or_free(const call_ptr& c, bool lock) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto value = f.money("amount", true).value_or(0);
  auto currency = f.currency("currency").value_or(default_currency);
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto& user = c->who->user_id;
  account_key free{user, account_kind::available, currency}, pledge{user, account_kind::stake, currency};
  auto code = lock ? transfer_code::stake : transfer_code::unstake;
  auto post = post_of(*c, user, {{}, code, lock ? free : pledge, lock ? pledge : free, value, {}});
  commit_money(c, std::move(post), [lock](json& answer, const change_result& done) {
    answer[lock ? "staked_balance" : "balance"] = format_amount(done.balance);
  });
}

void stake(const call_ptr& c) { lock_or_free(c, true); }
void unstake(const call_ptr& c) { lock_or_free(c, false); }

/// That it is half of the stake at most is the store's to say.
void slash(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto value = f.money("amount", true).value_or(0);
  auto currency = f.currency("currency").value_or(default_currency);
  auto reason = f.text("reason", 512, true);
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto user = c->params["user_id"];
  ask(c, c->e.h.actors.reader(), find_user{user}, [c, user, value, currency, reason](const user_row&) {
    account_key pledge{user, account_kind::stake, currency};
    account_key fees{std::string{platform_owner}, account_kind::fee, currency};
    auto post = post_of(*c, user, {{}, transfer_code::slash, pledge, fees, value, reason});
    post.what.audit = audit_of(*c, user, {{"amount", format_amount(value)}, {"currency", to_string(currency)}});
    commit_money(c, std::move(post));
  });
}

}  // namespace

void add_stake_routes(std::vector<route>& rows) {
  rows.push_back({"POST", "/api/v1/billing/stake", access::user, "Lock money as a pledge", stake});
  rows.push_back({"POST", "/api/v1/billing/unstake", access::user, "Free it again", unstake});
  rows.push_back(audited("stake.slash", {"POST", "/api/admin/stake/{user_id}/slash", access::admin,
                                         "Take at most half of a stake", slash}));
}

}  // namespace troupe
