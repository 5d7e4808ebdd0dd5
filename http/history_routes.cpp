// What moved in a wallet: pages, filters, and statements that add up. One request looks at 10,000 movements at most.
#include "config/world.hpp"
#include "http/billing_routes.hpp"
#include "http/statement.hpp"
#include "http/wallet_id.hpp"
#include "http/wallet_view.hpp"
#include "model/spending.hpp"

namespace troupe {

namespace {

constexpr time_ms day_ms = 24LL * 3600 * 1000;
constexpr time_ms end_of_time = INT64_MAX;

/// "2026-11-22" or RFC 3339. A day as an end is its last millisecond, and the answer is the first one behind it.
std::optional<time_ms> time_of(const std::string& text, bool is_end) {
  if (auto day = parse_day(text)) return is_end ? *day + day_ms : *day;
  auto at = parse_time(text);
  return at && is_end ? *at + 1 : at;
}

/// Reads a pair of query parameters; the failure names the bad one.
outcome<std::pair<time_ms, time_ms>> range_of(const call& c, const char* from, const char* to) {
  std::pair<time_ms, time_ms> range{0, end_of_time};
  for (auto name : {from, to}) {
    auto text = query_value(c.request.query, name);
    if (text.empty()) continue;
    auto at = time_of(text, name == to);
    if (!at) return failure{errc::invalid, std::string{name} + " must be YYYY-MM-DD or RFC 3339 in UTC", {}, {}};
    (name == to ? range.second : range.first) = *at;
  }
  return range;
}

struct history_filter {
  std::string type, job_id;
  std::optional<asset> currency;
  time_ms from = 0, to = end_of_time;  // from <= at < to
  bool any = false;                    // whether something is filtered at all
  bool nothing = false;                // a status that no posted movement has

  bool takes(const transaction_row& t) const {
    return !nothing && (job_id.empty() || t.job_id == job_id) && (type.empty() || to_string(t.code) == type) &&
           (!currency || t.debit.currency == *currency) && t.at_ms >= from && t.at_ms < to;
  }
};

bool is_type(const std::string& word) {
  for (int code = 1; code <= static_cast<int>(transfer_code::grant); ++code)
    if (to_string(static_cast<transfer_code>(code)) == word) return true;
  return false;
}

outcome<history_filter> filter_of(const call& c) {
  history_filter f;
  auto& query = c.request.query;
  auto range = range_of(c, "start_date", "end_date");
  if (auto bad = std::get_if<failure>(&range)) return *bad;
  std::tie(f.from, f.to) = std::get<std::pair<time_ms, time_ms>>(range);
  f.type = query_value(query, "type");
  f.job_id = query_value(query, "job_id");
  if (f.type == "refund") f.type = "release";
  if (!f.type.empty() && !is_type(f.type)) return failure{errc::invalid, "type is not one of a transaction", {}, {}};
  auto status = query_value(query, "status");
  static const std::set<std::string> known{"", "confirmed", "pending", "failed", "cancelled"};
  if (!known.contains(status))
    return failure{errc::invalid, "status must be pending, confirmed, failed or cancelled", {}, {}};
  f.nothing = !status.empty() && status != "confirmed";  // what waits is a hold: it is among the withdrawals
  auto currency = query_value(query, "currency");
  f.currency = parse_asset(currency);
  if (!currency.empty() && !f.currency)
    return failure{errc::invalid, "currency must be one of CREDIT, dGPU, FOG, ETH, USDC, SOL", {}, {}};
  f.any = !f.type.empty() || !status.empty() || f.currency || f.from > 0 || f.to < end_of_time;
  return f;
}

struct found_page {
  std::vector<transaction_row> rows;
  int64_t total = 0;
  std::optional<int64_t> next;  // the offset to go on from
};

/// `offset` and `total` count all movements, so that a page costs the same whatever the filter lets through.
found_page look(store_reader& db, const std::string& owner, const history_filter& f, int64_t limit, int64_t offset) {
  found_page page;
  page.total = db.count_transactions(owner);
  int64_t at = 0;
  auto take = [&](const transaction_row& t) {
    if (at++ < offset) return true;
    if (t.at_ms < f.from) return false;
    if (f.takes(t)) page.rows.push_back(t);
    auto full = std::ssize(page.rows) == limit || at - offset == scanned_rows_max;
    if (full && at < page.total) page.next = at;
    return !full;
  };
  db.books().walk_transactions(owner, take);
  return page;
}

void reply_page(const call_ptr& c, const std::string& owner, const found_page& page, int64_t limit, int64_t offset) {
  auto rows = json::array();
  for (auto& t : page.rows) rows.push_back(transaction_json(t, owner));
  c->reply(200, {{"transactions", std::move(rows)},
                 {"total", page.total},
                 {"limit", limit},
                 {"offset", offset},
                 {"next_offset", page.next ? json(*page.next) : json(nullptr)},
                 {"wallet_id", wallet_id_of(owner)}});
}

void transactions(const call_ptr& c) {
  auto owner = owner_of_path(*c);
  if (!owner) return refuse_wallet(c);
  auto& query = c->request.query;
  auto limit = query_integer(query, "limit", 1, limits::page_rows_max, 50);
  auto offset = query_integer(query, "offset", 0, 1'000'000'000, 0);
  if (!limit || !offset)
    return c->refuse({errc::invalid, "limit (1 to 1000) and offset (from 0) must be integers", {}, {}});
  auto filter = filter_of(*c);
  if (auto bad = std::get_if<failure>(&filter)) return c->refuse(*bad);
  auto read = [owner = *owner, limit = *limit, offset = *offset,
               f = std::get<history_filter>(filter)](store_reader& db) {
    if (f.any) return look(db, owner, f, limit, offset);
    found_page page;
    page.rows = db.transactions(owner, static_cast<int32_t>(limit), static_cast<int32_t>(offset), f.job_id);
    page.total = db.count_transactions(owner);
    auto end = offset + std::ssize(page.rows);
    if (f.job_id.empty() && end < page.total) page.next = end;
    return page;
  };
  ask_store(c, std::move(read), [c, owner = *owner, limit = *limit, offset = *offset](const found_page& page) {
    reply_page(c, owner, page, limit, offset);
  });
}

void show_statement(const call_ptr& c) {
  auto owner = owner_of_path(*c);
  if (!owner) return refuse_wallet(c);
  auto range = range_of(*c, "from", "to");
  if (auto bad = std::get_if<failure>(&range)) return c->refuse(*bad);
  auto format = query_value(c->request.query, "format");
  auto word = query_value(c->request.query, "currency");
  auto currency = word.empty() ? std::optional{default_currency} : parse_asset(word);
  if (!currency) return c->refuse({errc::invalid, "currency must be one of CREDIT, dGPU, FOG, ETH, USDC, SOL", {}, {}});
  if (!format.empty() && format != "json" && format != "csv")
    return c->refuse({errc::invalid, "format must be json or csv", {}, {}});
  auto [from, to] = std::get<std::pair<time_ms, time_ms>>(range);
  account_key key{*owner, account_kind::available, *currency};
  auto read = [key, from = from, to = to](store_reader& db) { return make_statement(db, key, from, to); };
  ask_store(c, std::move(read), [c, csv = format == "csv"](const statement& s) {
    if (!s.complete)
      return c->refuse({errc::invalid,
                        "that reaches back more than " + std::to_string(scanned_rows_max) +
                            " movements; ask for a later `from`, or for the pages of /transactions",
                        {},
                        {}});
    c->done(csv ? statement_csv(s) : json_reply(200, statement_json(s, c->e.h.now_ms())));
  });
}

}  // namespace

void add_history_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/billing/wallet/{id}/transactions", access::user,
                  "Every movement, newest first: ?limit=&offset=&job_id=&type=&status=&currency=&start_date=&end_date=",
                  transactions});
  rows.push_back({"GET", "/api/v1/billing/wallet/{id}/statement", access::user,
                  "Opening balance, movements, closing balance: ?from=&to=&currency=&format=json|csv", show_statement});
}

}  // namespace troupe
