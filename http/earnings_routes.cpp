// What a provider earned, and how it is paid out.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/billing_routes.hpp"
#include "http/payout.hpp"
#include "http/statement.hpp"
#include "http/wallet_id.hpp"
#include "http/wallet_view.hpp"

namespace troupe {

namespace {

constexpr int64_t hour_ms = 3'600'000;
constexpr time_ms day_ms = 24 * hour_ms;

void refuse_provider(const call_ptr& c) { c->refuse({errc::not_found, "Provider not found", {}, {}}); }

/// {id} is a user or one of his nodes; only his own, or an admin's to see.
template <class Next>
void with_provider(const call_ptr& c, Next next) {
  auto& id = c->params["id"];
  if (id.starts_with("user_")) {
    if (!owner_for(*c, id)) return refuse_provider(c);
    return ask(c, c->e.h.actors.reader(), find_user{id}, [next](const user_row& u) mutable { next(u.id); });
  }
  ask(c, c->e.h.actors.reader(), list_nodes{}, [c, id, next](const node_page& page) mutable {
    for (auto& n : page.nodes)
      if (n.id == id && owner_for(*c, n.user_id)) return next(n.user_id);
    refuse_provider(c);
  });
}

/// From when on; nothing for a word that is no period.
std::optional<time_ms> start_of(const std::string& period, time_ms now_ms) {
  static const std::map<std::string, int64_t> days{{"day", 1},    {"24h", 1},  {"week", 7},  {"7d", 7},
                                                   {"month", 30}, {"30d", 30}, {"year", 365}};
  if (period == "all") return 0;
  auto found = days.find(period);
  if (found == days.end()) return std::nullopt;
  return now_ms - found->second * day_ms;
}

struct earnings {
  amount total = 0, earned = 0, payable = 0, on_the_way = 0, paid = 0;
  int64_t sessions = 0, ran_ms = 0;
  bool complete = true;
};

/// All time is what the accounts say, to the last unit; a shorter period is summed from its movements.
earnings sum_up(store_reader& db, const std::string& owner, asset currency, time_ms since_ms) {
  earnings e;
  account_key earned{owner, account_kind::earned, currency}, payable{owner, account_kind::payable, currency};
  std::set<std::string> works;
  int64_t scanned = 0;
  auto take = [&](const transaction_row& t) {
    if (t.at_ms < since_ms) return false;
    if (++scanned > scanned_rows_max) return e.complete = false;
    if (t.credit == earned) e.total += t.value;
    if (t.debit == earned && t.code != transfer_code::mature) e.total -= t.value;  // taken back
    if (t.credit == earned && t.code == transfer_code::provider_share) works.insert(t.job_id);
    return true;
  };
  auto balances = db.books().walk_transactions(owner, take);
  for (auto& id : works) e.ran_ms += db.books().paid_ms(id);
  e.sessions = std::ssize(works);
  e.earned = balance_of(balances, account_kind::earned, currency).balance;
  auto due = balance_of(balances, account_kind::payable, currency);
  e.payable = due.balance - due.held;
  e.on_the_way = due.held;
  e.paid = db.books().withdrawn(payable);
  if (since_ms == 0) e.total = e.earned + due.balance + e.paid;
  return e;
}

json earnings_json(const std::string& id, const std::string& period, asset currency, const earnings& e) {
  auto hours = mul_div_floor(e.ran_ms, one, hour_ms).value_or(0);
  auto rate = e.ran_ms > 0 && e.total > 0 ? mul_div_floor(e.total, hour_ms, e.ran_ms).value_or(0) : 0;
  return {{"provider_id", id},
          {"period", period},
          {"currency", to_string(currency)},
          {"total_earnings", format_amount(e.total)},
          {"pending_earnings", format_amount(e.earned)},
          {"available", format_amount(e.payable)},
          {"in_payout", format_amount(e.on_the_way)},
          {"paid_earnings", format_amount(e.paid)},
          {"total_sessions", e.sessions},
          {"total_hours", format_amount(hours)},
          {"avg_hourly_rate", format_amount(rate)},
          {"complete", e.complete}};
}

void show_earnings(const call_ptr& c) {
  auto period = query_value(c->request.query, "period");
  if (period.empty()) period = "all";
  auto since = start_of(period, c->e.h.now_ms());
  if (!since) return c->refuse({errc::invalid, "period must be day, week, month, year or all", {}, {}});
  auto word = query_value(c->request.query, "currency");
  auto currency = word.empty() ? std::optional{default_currency} : parse_asset(word);
  if (!currency) return c->refuse({errc::invalid, "currency must be one of CREDIT, dGPU, FOG, ETH, USDC, SOL", {}, {}});
  with_provider(c, [c, period, currency = *currency, since = *since](const std::string& owner) {
    auto read = [owner, currency, since](store_reader& db) { return sum_up(db, owner, currency, since); };
    ask_store(c, std::move(read), [c, period, currency](const earnings& e) {
      c->reply(200, earnings_json(c->params["id"], period, currency, e));
    });
  });
}

void pay_out(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  withdrawal_wish wish;
  wish.source = account_kind::payable;
  wish.value = f.money("amount", true).value_or(0);
  wish.to_address = f.text("to_address", 128, true);
  wish.currency = f.currency("currency").value_or(default_currency);
  auto wallet = f.text("provider_wallet_id", 64);
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_provider(c, [c, wish, wallet](const std::string& owner) mutable {
    if (owner != c->who->user_id) return refuse_provider(c);  // an admin may look, not take
    if (!wallet.empty() && owner_of_wallet(wallet) != owner) return refuse_wallet(c);
    wish.user_id = owner;
    take_out(c, wish, {{"message", "Payout reserved"}, {"provider_id", c->params["id"]}});
  });
}

}  // namespace

void add_earnings_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/billing/provider/{id}/earnings", access::user,
                  "What a provider earned: ?period=day|week|month|year|all&currency=", show_earnings});
  rows.push_back(audited("payout.request", {"POST", "/api/v1/billing/provider/{id}/payout", access::user,
                                            "Reserve a payout of what may be paid out", pay_out}));
}

}  // namespace troupe
