// What nodes offer (from the store) with what is free of it (from the dispatcher).
#include "http/marketplace.hpp"

#include <algorithm>

#include "http/device_offers.hpp"
#include "model/gpu_names.hpp"
#include "model/market.hpp"

namespace troupe {

namespace {

constexpr auto currency = asset::dgpu;

json money(amount x) { return format_amount(x); }
failure invalid(std::string why) { return {errc::invalid, std::move(why), {}, {}}; }

struct market_filter {
  std::string gpu, region;
  int64_t min_vram = 0;
  std::optional<amount> max_price;
};

outcome<market_filter> read_filter(const call& c) {
  auto& query = c.request.query;
  market_filter f;
  f.region = query_value(query, "region");
  if (auto name = query_value(query, "gpu_type"); !name.empty()) {
    auto known = c.e.h.settings.prices.find_gpu(name);
    f.gpu = known ? known->key : gpu_key(name);
  }
  auto min_vram = query_integer(query, "min_vram", 0, share_mb_max, 0);
  if (!min_vram) return invalid("min_vram must be a whole number of MB");
  f.min_vram = *min_vram;
  auto text = query_value(query, "max_price");
  if (!text.empty() && !(f.max_price = parse_amount(text)))
    return invalid("max_price must be a decimal with at most 9 decimals, like \"0.75\"");
  return f;
}

/// Free memory of the device as the dispatcher knows it; nothing when the node just left.
std::optional<device_view> find_device(const market_view& market, const device_offer& o) {
  auto first = std::find_if(market.devices.begin(), market.devices.end(),
                            [&](const device_view& d) { return d.node_id == o.provider_id; });
  auto left = static_cast<size_t>(market.devices.end() - first);
  if (o.index >= left || (first + static_cast<ptrdiff_t>(o.index))->node_id != o.provider_id) return std::nullopt;
  return *(first + static_cast<ptrdiff_t>(o.index));
}

struct market_row {
  amount hourly = 0;
  json body;
};

/// Nothing when the filter leaves it out. The rate is for the whole device; power is for its user to estimate.
std::optional<market_row> market_row_of(const call& c, const device_offer& o, const market_view& market,
                                        const market_filter& f) {
  if (!f.gpu.empty() && o.gpu != f.gpu) return std::nullopt;
  if ((!f.region.empty() && o.region != f.region) || o.vram_mb < f.min_vram) return std::nullopt;
  auto& settings = c.e.h.settings;
  auto terms = terms_of(settings.prices, o.base, o.vram_mb, 0);
  if (settings.dynamic_pricing) follow_market(terms, market, o.gpu);
  auto hour = parts_of(terms, std::chrono::hours{1});
  if (!hour || (f.max_price && hour->subtotal() > *f.max_price)) return std::nullopt;
  auto device = find_device(market, o);
  auto free_mb = device && device->open ? device->free_mb : 0;
  return market_row{hour->subtotal(),
                    {{"provider_id", o.provider_id},
                     {"gpu_model", o.gpu},
                     {"device", o.index},
                     {"vram_total", o.vram_mb},
                     {"vram_available", free_mb},
                     {"hourly_rate", money(hour->subtotal())},
                     {"base_hourly_rate", money(hour->base)},
                     {"vram_rate_per_gb", money(terms.vram_gb_hour)},
                     {"power_rate", money(terms.power_kwh)},
                     {"demand_multiplier", ppm_json(terms.demand_ppm)},
                     {"supply_bonus", ppm_json(terms.bonus_ppm)},
                     {"currency", to_string(currency)},
                     {"location", o.region},
                     {"region", o.region},
                     {"availability", free_mb > 0 ? "available" : "busy"}}};
}

void list_market(const call_ptr& c, const market_filter& f, const node_page& page, const market_view& market) {
  std::vector<market_row> rows;
  for (auto& n : page.nodes)
    for (auto& o : offers_of(n, c->e.h.settings.prices))
      if (auto row = market_row_of(*c, o, market, f)) rows.push_back(std::move(*row));
  std::stable_sort(rows.begin(), rows.end(), [](auto& a, auto& b) { return a.hourly < b.hourly; });
  auto gpus = json::array();
  for (auto& row : rows) gpus.push_back(std::move(row.body));
  auto said = [](const std::string& x) { return x.empty() ? json(nullptr) : json(x); };
  auto total = gpus.size();
  c->reply(200, {{"gpus", std::move(gpus)},
                 {"total", total},
                 {"filters",
                  {{"gpu_type", said(f.gpu)},
                   {"min_vram", f.min_vram},
                   {"max_price", f.max_price ? money(*f.max_price) : json(nullptr)},
                   {"region", said(f.region)}}}});
}

}  // namespace

void list_marketplace(const call_ptr& c) {
  auto read = read_filter(*c);
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  ask(c, c->e.h.actors.reader(), list_nodes{}, [c, f = std::get<market_filter>(read)](node_page& page) {
    ask(c, c->e.h.actors.dispatcher.get(), read_market{},
        [c, f, page = std::move(page)](const market_view& market) { list_market(c, f, page, market); });
  });
}

json ppm_json(int64_t count) { return format_amount(count * (one / ppm)); }

}  // namespace troupe
