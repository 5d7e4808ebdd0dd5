// Credits and usage: sums that were kept when the work ended, so they are those of the ledger to the last unit.
#include "config/world.hpp"
#include "http/csv.hpp"
#include "http/routes.hpp"
#include "http/usage_json.hpp"
#include "model/spending.hpp"

namespace troupe {

namespace {

constexpr int64_t day_ms = 86'400'000;
constexpr int64_t days_max = 366;
constexpr int32_t lines_max = 100'000;
constexpr int32_t newest_rows = 20;

struct usage_question {
  usage_filter filter;
  std::optional<usage_by> by;  // nothing: every line
  bool csv = false;
};

/// Both days or neither; without them the last thirty.
std::optional<std::string> read_days(const std::string& query, time_ms now_ms, usage_filter& f) {
  f.from_day = query_value(query, "start_date").substr(0, 10);
  f.to_day = query_value(query, "end_date").substr(0, 10);
  if (f.to_day.empty()) f.to_day = day_of(now_ms);
  auto end = parse_day(f.to_day);
  if (!end) return "end_date must be a day like 2026-11-22";
  if (f.from_day.empty()) f.from_day = day_of(*end - 29 * day_ms);
  auto start = parse_day(f.from_day);
  if (!start) return "start_date must be a day like 2026-11-22";
  if (*start > *end) return "start_date is after end_date";
  if (*end - *start >= days_max * day_ms) return "start_date to end_date: at most 366 days";
  return {};
}

/// What is wrong, or nothing.
std::optional<std::string> read_question(const call& c, usage_question& q) {
  static const std::map<std::string, usage_by> groups{
      {"day", usage_by::day}, {"key", usage_by::key}, {"model", usage_by::model}};
  auto& query = c.request.query;
  if (auto bad = read_days(query, c.e.h.now_ms(), q.filter)) return bad;
  q.filter.user_id = c.who->user_id;
  q.filter.key_id = query_value(query, "api_key_id");
  q.filter.model = query_value(query, "model");
  if (auto word = query_value(query, "group_by"); !word.empty()) {
    auto known = groups.find(word);
    if (known == groups.end()) return "group_by must be day, key or model";
    q.by = known->second;
  }
  auto form = query_value(query, "format");
  if (!form.empty() && form != "json" && form != "csv") return "format must be json or csv";
  q.csv = form == "csv";
  return {};
}

struct usage_found {
  std::vector<usage_add> lines, all, this_month, last_month;
};

std::string last_month_of(time_ms now_ms) { return month_of(*parse_day(month_of(now_ms) + "-01") - day_ms); }

usage_found find_usage(const usage_question& q, time_ms now_ms, store_reader& db) {
  auto& books = db.books();
  usage_found x;
  x.lines = q.by ? books.usage_sums(q.filter, *q.by, lines_max) : books.usage(q.filter);
  if (q.csv) return x;
  auto month = [&](const std::string& m) {
    auto f = q.filter;
    f.from_day = m + "-01";
    f.to_day = m + "-31";
    return books.usage_sums(f, usage_by::all, lines_max);
  };
  x.all = books.usage_sums(q.filter, usage_by::all, lines_max);
  x.this_month = month(month_of(now_ms));
  x.last_month = month(last_month_of(now_ms));
  return x;
}

void usage(const call_ptr& c) {
  usage_question q;
  if (auto bad = read_question(*c, q)) return c->refuse({errc::invalid, *bad, {}, {}, {}});
  auto now = c->e.h.now_ms();
  ask_store(
      c, [q, now](store_reader& db) { return find_usage(q, now, db); },
      [c, q](const usage_found& x) {
        if (q.csv) return c->done(csv_reply("usage.csv", usage_csv(x.lines, q.by)));
        auto body = totals_json(x.all);
        body["start_date"] = q.filter.from_day;
        body["end_date"] = q.filter.to_day;
        body["current_month"] = totals_json(x.this_month);
        body["last_month"] = totals_json(x.last_month);
        body["usage"] = usage_json(x.lines, q.by);
        c->reply(200, body);
      });
}

struct admin_found {
  std::vector<usage_add> all, days, models, users;
};

/// Of everybody.
void admin_usage(const call_ptr& c) {
  usage_filter f;
  if (auto bad = read_days(c->request.query, c->e.h.now_ms(), f)) return c->refuse({errc::invalid, *bad, {}, {}, {}});
  f.user_id = query_value(c->request.query, "user_id");
  f.model = query_value(c->request.query, "model");
  auto top = query_integer(c->request.query, "top", 1, limits::page_rows_max, 10);
  if (!top) return c->refuse({errc::invalid, "top must be an integer from 1 to 1000", {}, {}, {}});
  auto find = [f, n = static_cast<int32_t>(*top)](store_reader& db) {
    auto& books = db.books();
    return admin_found{books.usage_sums(f, usage_by::all, lines_max), books.usage_sums(f, usage_by::day, lines_max),
                       books.usage_sums(f, usage_by::model, n), books.usage_sums(f, usage_by::user, n)};
  };
  ask_store(c, find, [c, f](const admin_found& x) {
    auto body = totals_json(x.all);
    body["start_date"] = f.from_day;
    body["end_date"] = f.to_day;
    body["days"] = usage_json(x.days, usage_by::day);
    body["top_models"] = usage_json(x.models, usage_by::model);
    body["top_users"] = usage_json(x.users, usage_by::user);
    c->reply(200, body);
  });
}

struct credits_found {
  std::vector<balance_row> balances;
  std::vector<credit_total> totals;
  std::vector<transaction_row> newest;
};

void credits(const call_ptr& c) {
  auto find = [user = c->who->user_id](store_reader& db) {
    return credits_found{db.balances(user), db.books().credit_totals(user), db.transactions(user, newest_rows, 0, {})};
  };
  ask_store(c, find, [c](const credits_found& x) {
    c->reply(200, credits_json(c->who->user_id, x.balances, x.totals, x.newest));
  });
}

}  // namespace

void add_usage_routes(std::vector<route>& rows) {
  constexpr auto about = "Your usage: ?start_date=&end_date=&api_key_id=&model=&group_by=day|key|model&format=json|csv";
  for (auto path : {"/api/users/me/usage", "/api/v1/users/me/usage", "/api/v1/usage"})
    rows.push_back({"GET", path, access::user, about, usage});
  for (auto path : {"/api/users/me/credits", "/api/v1/users/me/credits"})
    rows.push_back({"GET", path, access::user, "What you have, bought and used, and the newest movements", credits});
  rows.push_back({"GET", "/api/admin/usage", access::admin,
                  "Everybody's usage: ?start_date=&end_date=&user_id=&model=&top=", admin_usage});
}

}  // namespace troupe
