// Costs are decimal strings, one for each asset, for assets cannot be added up.
#include "http/usage_json.hpp"

#include <map>

#include "config/world.hpp"
#include "http/csv.hpp"

namespace troupe {

namespace {

void add(usage_add& sum, const usage_add& x) {
  sum.requests += x.requests;
  sum.failed += x.failed;
  sum.tokens_in += x.tokens_in;
  sum.tokens_out += x.tokens_out;
  sum.ran_ms += x.ran_ms;
}

json counts_json(const usage_add& x) {
  return {{"requests", x.requests},
          {"failed", x.failed},
          {"tokens_in", x.tokens_in},
          {"tokens_out", x.tokens_out},
          {"tokens", x.tokens_in + x.tokens_out},
          {"runtime_ms", x.ran_ms}};
}

/// The name of what the lines are grouped by, and where it stands in a line.
struct column {
  const char* name;
  const std::string usage_add::*value;
};
std::vector<column> columns_of(std::optional<usage_by> by) {
  if (!by)
    return {{"day", &usage_add::day},
            {"api_key_id", &usage_add::key_id},
            {"model", &usage_add::model},
            {"kind", &usage_add::kind}};
  switch (*by) {
    case usage_by::day: return {{"day", &usage_add::day}};
    case usage_by::key: return {{"api_key_id", &usage_add::key_id}};
    case usage_by::model: return {{"model", &usage_add::model}};
    case usage_by::user: return {{"user_id", &usage_add::user_id}};
    case usage_by::all: break;
  }
  return {};
}

json movement_json(const transaction_row& t, const std::string& user_id) {
  return {{"id", t.id},
          {"type", to_string(t.code)},
          {"direction", t.credit.owner == user_id ? "in" : "out"},
          {"amount", format_amount(t.value)},
          {"currency", to_string(t.debit.currency)},
          {"job_id", t.job_id.empty() ? json(nullptr) : json(t.job_id)},
          {"description", t.note},
          {"created_at", time_json(t.at_ms)}};
}

}  // namespace

json totals_json(const std::vector<usage_add>& lines) {
  usage_add sum;
  sum.requests = 0;
  auto costs = json::object();
  auto credits = std::string{"0"};
  for (auto& x : lines) {
    add(sum, x);
    costs[std::string{to_string(x.currency)}] = format_amount(x.cost);
    if (x.currency == asset::credit) credits = format_amount(x.cost);
  }
  auto body = counts_json(sum);
  body["credits"] = credits;
  body["cost"] = std::move(costs);
  return body;
}

json usage_json(const std::vector<usage_add>& lines, std::optional<usage_by> by) {
  auto rows = json::array();
  for (auto& x : lines) {
    auto row = counts_json(x);
    for (auto& c : columns_of(by)) row[c.name] = x.*c.value;
    row["currency"] = to_string(x.currency);
    row["cost"] = format_amount(x.cost);
    rows.push_back(std::move(row));
  }
  return rows;
}

std::string usage_csv(const std::vector<usage_add>& lines, std::optional<usage_by> by) {
  std::vector<std::string> head;
  for (auto& c : columns_of(by)) head.emplace_back(c.name);
  for (auto name : {"currency", "requests", "failed", "tokens_in", "tokens_out", "runtime_ms", "cost"})
    head.emplace_back(name);
  auto text = csv_line(head);
  for (auto& x : lines) {
    std::vector<std::string> cells;
    for (auto& c : columns_of(by)) cells.push_back(x.*c.value);
    cells.emplace_back(to_string(x.currency));
    for (auto n : {x.requests, x.failed, x.tokens_in, x.tokens_out, x.ran_ms}) cells.push_back(std::to_string(n));
    cells.push_back(format_amount(x.cost));
    text += csv_line(cells);
  }
  return text;
}

json credits_json(const std::string& user_id, const std::vector<balance_row>& balances,
                  const std::vector<credit_total>& totals, const std::vector<transaction_row>& newest) {
  std::map<asset, json> by_asset{{asset::credit, json::object()}};
  for (auto& b : balances)
    if (b.account.kind == account_kind::available)
      by_asset[b.account.currency] = {{"balance", format_amount(b.balance)},
                                      {"held", format_amount(b.held)},
                                      {"available", format_amount(b.balance - b.held)}};
  for (auto& x : totals) {
    auto& entry = by_asset[x.currency];
    entry["total_purchased"] = format_amount(x.purchased);
    entry["total_consumed"] = format_amount(x.consumed);
  }
  auto text = [&](asset a, const char* name) { return by_asset[a].value(name, std::string{"0"}); };
  auto rows = json::array();
  for (auto& t : newest) rows.push_back(movement_json(t, user_id));
  json body{{"user_id", user_id},
            {"currency", to_string(asset::credit)},
            {"balance", text(asset::credit, "balance")},
            {"total_purchased", text(asset::credit, "total_purchased")},
            {"total_consumed", text(asset::credit, "total_consumed")},
            {"transactions", std::move(rows)}};
  auto all = json::object();
  for (auto& [currency, entry] : by_asset) {
    for (auto name : {"balance", "held", "available", "total_purchased", "total_consumed"})
      if (!entry.contains(name)) entry[name] = "0";
    all[std::string{to_string(currency)}] = entry;
  }
  body["balances"] = std::move(all);
  return body;
}

}  // namespace troupe
