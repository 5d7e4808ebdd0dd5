// What things cost: the price book, and a price for a share of a GPU with a signed quote.
#include <algorithm>

#include "config/world.hpp"
#include "http/device_offers.hpp"
#include "http/job_json.hpp"
#include "http/marketplace.hpp"
#include "http/quote.hpp"
#include "model/gpu_names.hpp"
#include "model/market.hpp"

namespace troupe {

namespace {

using std::chrono::nanoseconds;

constexpr auto currency = asset::dgpu;

json money(amount x) { return format_amount(x); }
json percent(int64_t bps) { return format_amount(bps * (one / 100)); }

failure invalid(std::string why) { return {errc::invalid, std::move(why), {}, {}}; }

// --- the book ---------------------------------------------------------------------------------

json model_price_json(const token_price& p) {
  return {
      {"input", money(p.in)},       {"output", money(p.out)},  {"cached_input", money(p.cached > 0 ? p.cached : p.in)},
      {"min_tokens", p.min_tokens}, {"per_tokens", 1'000'000}, {"currency", to_string(asset::credit)}};
}

void rates(const call_ptr& c) {
  auto& h = c->e.h;
  auto& book = h.settings.prices;
  auto base = json::object(), models = json::object();
  for (auto& [key, rate] : book.gpus) base[key] = money(rate);
  for (auto& [name, price] : book.models) models[name] = model_price_json(price);
  c->reply(200,
           {{"base_rates", std::move(base)},
            {"default_rate", book.gpu_default ? money(*book.gpu_default) : json(nullptr)},
            {"cpu_rate", money(cpu_rate)},
            {"vram_rate_per_gb", money(book.vram_gb_hour)},
            {"power_multiplier", money(book.power_kwh)},
            {"platform_fee_percent", percent(book.fee_bps)},
            {"fee_mode", to_fee_mode(book.fee_inclusive)},
            {"dynamic_pricing", h.settings.dynamic_pricing},
            {"currency", to_string(currency)},
            {"models", std::move(models)},
            {"default_model", model_price_json(book.model_default)},
            {"api_call", {{"price", money(book.api_call)}, {"currency", to_string(asset::credit)}}},
            {"storage_gb_month", {{"price", money(book.storage_gb_month)}, {"currency", to_string(asset::credit)}}},
            {"bandwidth_gb", {{"price", money(book.bandwidth_gb)}, {"currency", to_string(asset::credit)}}},
            {"version", book.version()},
            {"last_updated", iso_time(h.now_ms() - (h.steady() - c->e.started_ms))}});
}

// --- a price ----------------------------------------------------------------------------------

/// What was asked for, and what is found out about it on the way.
struct pricing {
  std::string gpu, provider_id, user_id;
  int64_t vram_mb = 0, total_vram_mb = 0, power_w = 0;
  nanoseconds time{};
  std::optional<bool> fee_inclusive;
  gpu_terms terms;
};

/// The names of the fields in the two routes.
struct pricing_words {
  const char *vram, *power, *hours;
};

int64_t needed_integer(fields& f, const char* name, int64_t least, int64_t most) {
  if (f.any(name) == nullptr) f.refuse(std::string{name} + " is required");
  return f.integer(name, least, most, least);
}

/// A nano-hour is 3,600 ns, so every decimal of hours is a whole number of nanoseconds.
nanoseconds read_time(fields& f, const char* hours_name) {
  auto in_hours = f.any(hours_name) != nullptr, in_seconds = f.any("duration_seconds") != nullptr;
  if (in_hours == in_seconds) f.refuse("send " + std::string{hours_name} + " or duration_seconds, one of them");
  auto seconds = f.integer("duration_seconds", 1, rent_hours_max * 3600, 1);
  if (!in_hours) return std::chrono::seconds{seconds};
  if (f.any(hours_name)->is_number()) f.refuse(std::string{hours_name} + ": send the hours as a string, like \"1.5\"");
  auto hours = f.money(hours_name).value_or(0);
  if (hours > rent_hours_max * one)
    f.refuse(std::string{hours_name} + " must be at most " + std::to_string(rent_hours_max));
  return nanoseconds{std::min(hours, rent_hours_max * one) * 3600};
}

outcome<pricing> read_pricing(const call& c, const pricing_words& words) {
  auto body = parse_object(c.request.body);
  if (auto bad = std::get_if<failure>(&body)) return *bad;
  fields f{std::get<json>(body)};
  pricing p;
  p.gpu = f.text("gpu_model", 128, true);
  p.vram_mb = needed_integer(f, words.vram, 1, share_mb_max);
  p.total_vram_mb = f.integer("total_vram_mb", 1, share_mb_max, 0);
  p.power_w = needed_integer(f, words.power, 0, share_watts_max);
  p.time = read_time(f, words.hours);
  p.provider_id = f.text("provider_id", 64);
  p.user_id = f.text("user_id", 64);
  p.fee_inclusive = read_fee_mode(f);
  if (p.total_vram_mb != 0 && p.vram_mb > p.total_vram_mb)
    f.refuse(std::string{words.vram} + " is more than total_vram_mb");
  if (auto bad = f.problem()) return *bad;
  if (p.user_id.empty()) p.user_id = c.who->user_id;
  if (p.user_id != c.who->user_id && c.who->role != "admin") return failure{errc::not_found, "User not found", {}, {}};
  return p;
}

/// The provider's own device is what is priced: the smallest that is large enough.
outcome<amount> base_of_provider(pricing& p, const node_page& page, const price_book& book) {
  auto known = book.find_gpu(p.gpu);
  p.gpu = known ? known->key : gpu_key(p.gpu);
  std::optional<device_offer> best;
  auto is_here = false;
  for (auto& n : page.nodes) {
    if (n.id != p.provider_id || n.state != "online") continue;
    is_here = true;
    for (auto& d : offers_of(n, book)) {
      auto fits = d.gpu == p.gpu && d.vram_mb >= p.vram_mb && (p.total_vram_mb == 0 || d.vram_mb == p.total_vram_mb);
      if (fits && (!best || d.vram_mb < best->vram_mb)) best = d;
    }
  }
  if (!is_here) return failure{errc::not_found, "Provider not found, or it is not online", {}, {}};
  if (!best) return failure{errc::not_found, "The provider has no " + p.gpu + " with that much VRAM", {}, {}};
  p.total_vram_mb = best->vram_mb;
  return best->base;
}

/// `next(pricing&)` once the terms are known: the base of the book or the provider, the market's part when it counts.
template <class Next>
void settle_terms(const call_ptr& c, pricing p, amount base, Next next) {
  auto& settings = c->e.h.settings;
  p.terms = terms_of(settings.prices, base, p.vram_mb, p.power_w);
  p.terms.fee_inclusive = p.fee_inclusive.value_or(p.terms.fee_inclusive);
  if (!settings.dynamic_pricing) return next(p);
  ask(c, c->e.h.actors.dispatcher.get(), read_market{},
      [p = std::move(p), next = std::move(next)](const market_view& market) mutable {
        follow_market(p.terms, market, p.gpu);
        next(p);
      });
}

template <class Next>
void price(const call_ptr& c, pricing p, Next next) {
  auto& book = c->e.h.settings.prices;
  if (p.provider_id.empty()) {
    auto found = book.need_gpu(p.gpu);
    if (auto bad = std::get_if<failure>(&found)) return c->refuse(*bad);
    auto& gpu = std::get<gpu_price>(found);
    p.gpu = gpu.key;
    return settle_terms(c, std::move(p), gpu.rate, std::move(next));
  }
  ask(c, c->e.h.actors.reader(), list_nodes{},
      [c, &book, p = std::move(p), next = std::move(next)](const node_page& page) mutable {
        auto base = base_of_provider(p, page, book);
        if (auto bad = std::get_if<failure>(&base)) return c->refuse(*bad);
        settle_terms(c, std::move(p), std::get<amount>(base), std::move(next));
      });
}

struct priced {
  cost_parts hour, all;
  bill due;
};

std::optional<priced> bill_for(const pricing& p) {
  auto hour = parts_of(p.terms, std::chrono::hours{1});
  auto all = parts_of(p.terms, p.time);
  auto due = all ? bill_of(all->subtotal(), p.terms.fee_bps, p.terms.fee_inclusive) : std::nullopt;
  if (!hour || !due) return std::nullopt;
  return priced{*hour, *all, *due};
}

void refuse_size(const call_ptr& c) {
  c->refuse(invalid("the price does not fit: ask for less, or for a shorter time"));
}

quote quote_of(const call& c, const pricing& p, time_ms now_ms) {
  quote q;
  q.user_id = p.user_id;
  q.provider_id = p.provider_id;
  q.gpu_model = p.gpu;
  q.total_vram_mb = p.total_vram_mb;
  q.currency = currency;
  q.terms = p.terms;
  q.duration_ms = (p.time.count() + 999'999) / 1'000'000;
  q.book_version = c.e.h.settings.prices.version();
  q.valid_until_ms = now_ms + quote_ms;
  return q;
}

json price_json(const pricing& p, const priced& x) {
  auto total = p.total_vram_mb;
  return {
      {"gpu_model", p.gpu},
      {"provider_id", p.provider_id.empty() ? json(nullptr) : json(p.provider_id)},
      {"duration_seconds", format_amount(p.time.count())},
      {"base_rate", money(p.terms.base)},
      {"base_hourly_rate", money(x.hour.base)},
      {"vram_hourly_rate", money(x.hour.vram)},
      {"power_hourly_rate", money(x.hour.power)},
      {"total_hourly_rate", money(x.hour.subtotal())},
      {"base_cost", money(x.all.base)},
      {"vram_cost", money(x.all.vram)},
      {"power_cost", money(x.all.power)},
      {"subtotal_cost", money(x.due.subtotal)},
      {"platform_fee", money(x.due.fee)},
      {"platform_fee_percent", percent(p.terms.fee_bps)},
      {"total_cost", money(x.due.total)},
      {"provider_earnings", money(x.due.earnings)},
      {"fee_mode", to_fee_mode(p.terms.fee_inclusive)},
      {"demand_multiplier", ppm_json(p.terms.demand_ppm)},
      {"supply_bonus", ppm_json(p.terms.bonus_ppm)},
      {"vram_percentage", total == 0 ? json(nullptr) : money(mul_div_floor(p.vram_mb, 100 * one, total).value_or(0))},
      {"allocated_vram_gb", money(mul_div_floor(p.vram_mb, one, 1024).value_or(0))},
      {"currency", to_string(currency)}};
}

void calculate(const call_ptr& c) {
  auto read = read_pricing(*c, {"requested_vram_mb", "estimated_power_w", "duration_hours"});
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  price(c, std::move(std::get<pricing>(read)), [c](const pricing& p) {
    auto due = bill_for(p);
    if (!due) return refuse_size(c);
    auto now = c->e.h.now_ms();
    auto q = quote_of(*c, p, now);
    auto answer = price_json(p, *due);
    answer["price_version"] = q.book_version;
    answer["calculated_at"] = iso_time(now);
    answer["valid_until"] = iso_time(q.valid_until_ms);
    answer["quote"] = sign_quote(q, c->e.jwt_secret);
    c->reply(200, answer);
  });
}

void estimate(const call_ptr& c) {
  auto read = read_pricing(*c, {"vram_required_mb", "estimated_power_w", "estimated_hours"});
  if (auto bad = std::get_if<failure>(&read)) return c->refuse(*bad);
  price(c, std::move(std::get<pricing>(read)), [c](const pricing& p) {
    auto due = bill_for(p);
    if (!due) return refuse_size(c);
    c->reply(200, {{"estimated_cost", price_json(p, *due)},
                   {"currency", to_string(currency)},
                   {"breakdown",
                    {{"base_cost", money(due->all.base)},
                     {"vram_cost", money(due->all.vram)},
                     {"power_cost", money(due->all.power)},
                     {"platform_fee", money(due->due.fee)}}},
                   {"price_version", c->e.h.settings.prices.version()}});
  });
}

}  // namespace

void add_pricing_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/billing/pricing/rates", access::user, "The price book", rates});
  rows.push_back({"POST", "/api/v1/billing/pricing/calculate", access::user,
                  "The price of a share of a GPU for a time, with a quote that holds for 5 minutes", calculate});
  rows.push_back({"POST", "/api/v1/billing/pricing/estimate", access::user, "About what it would cost", estimate});
  rows.push_back({"GET", "/api/v1/billing/marketplace", access::user,
                  "GPUs of the nodes that are here: ?gpu_type=&min_vram=&max_price=&region=", list_marketplace});
}

}  // namespace troupe
