// base64url(JSON) "." base64url(HMAC-SHA256).
#include "http/quote.hpp"

#include <algorithm>

#include "config/world.hpp"
#include "http/json.hpp"
#include "http/signing.hpp"

namespace troupe {

namespace {

constexpr size_t quote_bytes_max = 4096;

std::string quote_mac(std::string_view text, const std::string& secret) {
  return hmac_sha256(text, hmac_sha256("troupe quote v1", secret));
}

json terms_json(const gpu_terms& t) {
  return {{"base", t.base},           {"vram_gb_hour", t.vram_gb_hour}, {"power_kwh", t.power_kwh},
          {"vram_mb", t.vram_mb},     {"power_w", t.power_w},           {"demand_ppm", t.demand_ppm},
          {"bonus_ppm", t.bonus_ppm}, {"fee_bps", t.fee_bps},           {"inclusive", t.fee_inclusive}};
}

/// Signed by us, so it is as we wrote it; the bounds are those of cost_of() all the same.
std::optional<gpu_terms> terms_of(const json& x) {
  fields f{x};
  gpu_terms t;
  t.base = f.integer("base", 0, INT64_MAX, -1);
  t.vram_gb_hour = f.integer("vram_gb_hour", 0, INT64_MAX, -1);
  t.power_kwh = f.integer("power_kwh", 0, INT64_MAX, -1);
  t.vram_mb = f.integer("vram_mb", 0, share_mb_max, -1);
  t.power_w = f.integer("power_w", 0, share_watts_max, -1);
  t.demand_ppm = f.integer("demand_ppm", 0, demand_ppm_max, -1);
  t.bonus_ppm = f.integer("bonus_ppm", 0, bonus_ppm_max, -1);
  t.fee_bps = f.integer("fee_bps", 0, 10'000, -1);
  t.fee_inclusive = f.flag("inclusive", false);
  auto complete =
      std::min({t.base, t.vram_gb_hour, t.power_kwh, t.vram_mb, t.power_w, t.demand_ppm, t.bonus_ppm, t.fee_bps}) >= 0;
  return complete && !f.problem() ? std::optional{t} : std::nullopt;
}

}  // namespace

std::string sign_quote(const quote& q, const std::string& secret) {
  json payload{{"user", q.user_id},
               {"provider", q.provider_id},
               {"gpu", q.gpu_model},
               {"total_vram_mb", q.total_vram_mb},
               {"currency", to_string(q.currency)},
               {"terms", terms_json(q.terms)},
               {"duration_ms", q.duration_ms},
               {"book", q.book_version},
               {"until", q.valid_until_ms}};
  auto text = base64url(payload.dump(-1, ' ', false, json::error_handler_t::replace));
  return text + '.' + base64url(quote_mac(text, secret));
}

std::optional<quote> read_quote(std::string_view text, const std::string& secret, time_ms now_ms) {
  auto dot = text.find('.');
  if (text.size() > quote_bytes_max || dot == std::string_view::npos) return std::nullopt;
  auto signature = from_base64url(text.substr(dot + 1));
  if (!signature || !same_bytes(*signature, quote_mac(text.substr(0, dot), secret))) return std::nullopt;
  auto parsed = parse_object(from_base64url(text.substr(0, dot)).value_or(""));
  if (std::holds_alternative<failure>(parsed)) return std::nullopt;
  fields f{std::get<json>(parsed)};
  quote q;
  q.user_id = f.text("user", 256);
  q.provider_id = f.text("provider", 256);
  q.gpu_model = f.text("gpu", 256);
  q.total_vram_mb = f.integer("total_vram_mb", 0, share_mb_max, 0);
  q.currency = f.currency("currency").value_or(asset::dgpu);
  q.duration_ms = f.integer("duration_ms", 0, INT64_MAX, 0);
  q.book_version = f.text("book", 64);
  q.valid_until_ms = f.integer("until", 0, INT64_MAX, 0);
  auto* terms = f.any("terms");
  if (f.problem() || terms == nullptr || !terms->is_object() || q.valid_until_ms <= now_ms) return std::nullopt;
  auto good = terms_of(*terms);
  if (!good) return std::nullopt;
  q.terms = *good;
  return q;
}

}  // namespace troupe
