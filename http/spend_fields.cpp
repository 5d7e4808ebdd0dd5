// A ceiling that is not set is null.
#include "http/spend_fields.hpp"

namespace troupe {

std::vector<spend_limit> read_limits(fields& f, const json& body,
                                     const std::map<std::string_view, std::string_view>& periods, asset currency) {
  std::vector<spend_limit> limits;
  for (auto [name, period] : periods) {
    auto value = f.money(name);
    if (body.contains(name)) limits.push_back({{}, std::string{period}, currency, value.value_or(0)});
  }
  return limits;
}

json limits_json(const std::vector<spend_limit>& limits) {
  json answer{{"rate_limit", nullptr}, {"daily_spend", nullptr}, {"monthly_spend", nullptr}, {"total_spend", nullptr}};
  auto all = json::array();
  for (auto& x : limits) {
    auto of_key = x.scope.starts_with("key:");
    all.push_back({{"of", of_key ? "key" : "user"},
                   {"period", x.period},
                   {"currency", to_string(x.currency)},
                   {"amount", format_amount(x.limit)}});
    auto name = x.period == "day" ? "daily_spend" : x.period == "month" ? "monthly_spend" : "total_spend";
    if (!of_key && x.currency == asset::dgpu) answer[name] = format_amount(x.limit);
  }
  answer["all"] = std::move(all);
  return answer;
}

}  // namespace troupe
