// From settings to the checked struct, and back to text for `config show`.
#include "config/config.hpp"

#include <algorithm>
#include <fstream>
#include <sstream>

#include "config/certificates.hpp"
#include "config/edge_check.hpp"
#include "config/layers.hpp"
#include "config/log.hpp"
#include "config/option_table.hpp"
#include "config/prices.hpp"
#include "config/text.hpp"
#include "config/values.hpp"
#include "model/rate_limits.hpp"
#include "model/webhook.hpp"

namespace troupe {

namespace {

template <class... F>
struct overloaded : F... {
  using F::operator()...;
};
template <class... F>
overloaded(F...) -> overloaded<F...>;

constexpr std::string_view cluster_tls_needed =
    "is not loopback, which needs --cluster-cert, --cluster-key and --cluster-ca";

bool has_control_character(std::string_view s) {
  return std::any_of(s.begin(), s.end(), [](char c) { return static_cast<unsigned char>(c) < ' ' || c == 0x7f; });
}

/// Where the value of an option comes from and what it says, for error lines.
struct origin {
  const option& about;
  std::string from;

  config_error bad(std::string_view value, std::string_view why) const { return bad_value(about, from, value, why); }
};

origin origin_of(const settings& given, std::string_view name) {
  auto found = given.find(name);
  return {find_binding(name)->about, found == given.end() ? "--" + std::string{name} : found->second.from};
}

void fill(config& c, const binding& row, const setting& given) {
  auto& text = given.values.front();
  auto bad = [&](std::string_view why) { return bad_value(row.about, given.from, text, why); };
  std::visit(overloaded{
                 [&](bool config::*at) {
                   auto value = parse_bool(text);
                   if (!value) throw bad("is not true or false");
                   c.*at = *value;
                 },
                 [&](std::string config::*at) {
                   if (!row.about.secret && has_control_character(text)) throw bad("has a control character");
                   c.*at = text;
                 },
                 [&](endpoint config::*at) {
                   auto value = parse_endpoint(text);
                   if (!value) throw bad("is not HOST:PORT");
                   c.*at = *value;
                 },
                 [&](std::vector<std::string> config::*at) { c.*at = given.values; },
                 [&](const bounded& number) {
                   auto value = parse_integer(text);
                   if (!value || *value < number.min || *value > number.max)
                     throw bad("is not a whole number from " + std::to_string(number.min) + " to " +
                               std::to_string(number.max));
                   c.*number.at = *value;
                 },
             },
             row.where);
}

void check_words(const config& c, const settings& given) {
  if (!log::parse_level(c.log_level))
    throw origin_of(given, "log-level").bad(c.log_level, "is not debug, info, warn, error or off");
  if (!log::parse_form(c.log_format))
    throw origin_of(given, "log-format").bad(c.log_format, "is not auto, json or human");
  if (c.data_dir.empty()) throw origin_of(given, "data-dir").bad(c.data_dir, "is not a folder's name");
  auto is_postgres = c.database.starts_with("postgresql://") || c.database.starts_with("postgres://");
  if (!c.database.empty() && !is_postgres)
    throw origin_of(given, "database").bad(c.database, "does not start with postgresql://");
  if (!known_profile(c.tier_profile))
    throw origin_of(given, "tier-profile").bad(c.tier_profile, "is not default, fabstir, aivillage or sprint");
  if (c.jwt_algorithm != "HS256" && c.jwt_algorithm != "RS256")
    throw origin_of(given, "jwt-algorithm").bad(c.jwt_algorithm, "is not HS256 or RS256");
}

/// Ways in that need more than one word.
void check_sign_in(const config& c, const settings& given) {
  auto is_web = [](const std::string& x) { return x.starts_with("http://") || x.starts_with("https://"); };
  if (!c.public_url.empty() && !is_web(c.public_url))
    throw origin_of(given, "public-url").bad(c.public_url, "does not start with https:// or http://");
  if (!c.oidc_issuer.empty() && !is_web(c.oidc_issuer))
    throw origin_of(given, "oidc-issuer").bad(c.oidc_issuer, "does not start with https:// or http://");
  if (!c.oidc_issuer.empty() && (c.oidc_client_id.empty() || c.public_url.empty()))
    throw origin_of(given, "oidc-issuer").bad(c.oidc_issuer, "needs --oidc-client-id and --public-url, too");
  auto is_mail = c.smtp_url.starts_with("smtp://") || c.smtp_url.starts_with("smtps://");
  if (!c.smtp_url.empty() && !is_mail)
    throw origin_of(given, "smtp-url").bad(c.smtp_url, "does not start with smtp:// or smtps://");
  if (!c.smtp_url.empty() && c.smtp_from.find('@') == std::string::npos)
    throw origin_of(given, "smtp-from").bad(c.smtp_from, "is not an e-mail address, which --smtp-url needs");
}

void check_readable(const origin& of, const std::string& path) {
  std::ifstream file{path};
  if (!file || file.peek() == std::ifstream::traits_type::eof()) throw of.bad(path, "is not a file that can be read");
}

void check_certificates(const config& c, const settings& given) {
  auto some = !c.cluster_cert.empty() || !c.cluster_key.empty() || !c.cluster_ca.empty();
  if (!some) return;
  for (auto& [name, path] : {std::pair{"cluster-cert", &c.cluster_cert}, std::pair{"cluster-key", &c.cluster_key},
                             std::pair{"cluster-ca", &c.cluster_ca}}) {
    auto of = origin_of(given, name);
    if (path->empty()) throw of.bad(*path, "is missing: --cluster-cert, --cluster-key and --cluster-ca go together");
    check_readable(of, *path);
  }
  auto problem = certificate_problem(c.cluster_cert, c.cluster_key, c.cluster_ca);
  if (!problem.empty()) throw config_error{"--cluster-cert: " + problem};
}

void check_join(config& c, const settings& given) {
  if (c.join.empty()) return;
  auto of = origin_of(given, "join");
  std::istringstream list{c.join};
  for (std::string text; std::getline(list, text, ',');) {
    auto door = parse_endpoint(text);
    if (!door || door->port == 0) throw of.bad(c.join, "is not HOST:PORT");
    if (!is_loopback(door->host) && c.cluster_cert.empty()) throw of.bad(c.join, cluster_tls_needed);
    c.doors.push_back(*door);
  }
  if (c.doors.empty() || c.join.back() == ',') throw of.bad(c.join, "is not HOST:PORT");
}

/// Other gateways must know where to find this one.
void check_advertise(const config& c, const settings& given) {
  auto of = origin_of(given, "cluster-advertise");
  auto anywhere = c.cluster_listen.host == "0.0.0.0" || c.cluster_listen.host == "::";
  if (c.cluster_advertise.empty() && anywhere && !c.database.empty())
    throw of.bad("", "is needed: --cluster-listen " + to_string(c.cluster_listen) + " is no address to reach");
  if (!c.cluster_advertise.empty() && !parse_endpoint(c.cluster_advertise))
    throw of.bad(c.cluster_advertise, "is not HOST:PORT");
}

void check_doors(config& c, const settings& given) {
  check_certificates(c, given);
  check_join(c, given);
  check_advertise(c, given);
  if (!is_loopback(c.cluster_listen.host) && c.cluster_cert.empty())
    throw origin_of(given, "cluster-listen").bad(to_string(c.cluster_listen), cluster_tls_needed);
  if (c.dev && !is_loopback(c.listen.host))
    throw origin_of(given, "dev").bad("true", "is refused: --listen " + to_string(c.listen) + " is not loopback");
}

void parse_labels(config& c, const settings& given) {
  for (auto& text : c.label) {
    auto one = parse_label(text);
    if (!one) throw origin_of(given, "label").bad(text, "is not k=v");
    auto same_key = [&](const troupe::label& other) { return other.key == one->key; };
    if (std::any_of(c.labels.begin(), c.labels.end(), same_key))
      throw origin_of(given, "label").bad(text, "names a key that has a value already");
    c.labels.push_back(*one);
  }
  std::sort(c.labels.begin(), c.labels.end());
}

void parse_models(config& c, const settings& given) {
  for (auto& text : c.model) {
    auto one = parse_model(text);
    if (!one) throw origin_of(given, "model").bad(text, "is not NAME=URL with http:// or https://");
    if (!c.models.insert(*one).second)
      throw origin_of(given, "model").bad(text, "names a model that has an address already");
  }
}

/// Fills the parsed forms of what a node offers.
void parse_offers(config& c, const settings& given) {
  auto gpus = parse_gpus(c.gpu);
  if (!gpus) throw origin_of(given, "gpu").bad(c.gpu, "is not auto, none or MODEL:VRAM_MB[xN],...");
  c.gpus = *gpus;
  for (auto& g : c.gpus) {
    auto known = c.prices.find_gpu(g.model);
    if (!known && c.price_per_hour.empty())
      throw origin_of(given, "gpu").bad(c.gpu, "names a GPU without a price: set price-per-hour or gpu-price");
    if (known) g.model = known->key;  // jobs ask for it by the book's key
  }
  parse_labels(c, given);
  parse_models(c, given);
  if (c.price_per_hour.empty()) return;
  c.rate_per_hour = parse_amount(c.price_per_hour);
  if (!c.rate_per_hour)
    throw origin_of(given, "price-per-hour").bad(c.price_per_hour, "is not a decimal with at most 9 places");
}

void parse_money(config& c, const settings& given) {
  auto read = [&](std::string_view name, const std::string& text, amount& to) {
    auto value = parse_amount(text);
    if (!value) throw origin_of(given, name).bad(text, "is not a decimal with at most 9 places");
    to = *value;
  };
  read("withdraw-max", c.withdraw_max, c.withdrawals.max);
  read("withdraw-daily", c.withdraw_daily, c.withdrawals.daily);
  read("payout-min", c.payout_min, c.withdrawals.payout_min);
  read("low-balance", c.low_balance, c.low_balance_amount);
  c.withdrawals.hours = c.withdraw_hours;
  c.withdrawals.payout_fee_bps = c.payout_fee_bps;
}

void parse_pauses(config& c, const settings& given) {
  auto pauses = parse_webhook_pauses(c.webhook_retry);
  if (!pauses)
    throw origin_of(given, "webhook-retry")
        .bad(c.webhook_retry, "is not a list like 5s,30s,2m,1h: 1 to 20 pauses from 1s to 7d");
  c.webhook_pauses_ms = *pauses;
}

config build(const settings& given) {
  config c;
  for (auto& [name, value] : given)
    if (!value.values.empty()) fill(c, *find_binding(name), value);
  check_words(c, given);
  check_sign_in(c, given);
  check_doors(c, given);
  if (auto bad = find_edge_problem(c)) throw origin_of(given, bad->option).bad(bad->value, bad->why);
  read_prices(c, given);
  parse_offers(c, given);
  parse_money(c, given);
  parse_pauses(c, given);
  return c;
}

std::string shown_list(const std::vector<std::string>& values) {
  std::string out = "[";
  for (auto& value : values) out += (out.size() > 1 ? ", " : "") + in_quotes(value);
  return out + "]";
}

std::string shown(const config& c, const target& where) {
  return std::visit(overloaded{
                        [&](bool config::*at) { return std::string{c.*at ? "true" : "false"}; },
                        [&](std::string config::*at) { return in_quotes(c.*at); },
                        [&](endpoint config::*at) { return in_quotes(to_string(c.*at)); },
                        [&](std::vector<std::string> config::*at) { return shown_list(c.*at); },
                        [&](const bounded& number) { return std::to_string(c.*number.at); },
                    },
                    where);
}

}  // namespace

config load_config(const sources& from) { return build(gather(from)); }

std::string show_config(const sources& from) {
  auto given = gather(from);
  auto c = build(given);
  std::string out;
  for (auto& row : bindings()) {
    auto value = shown(c, row.where);
    if (row.about.secret && value != "\"\"") value = "\"***\"";
    auto found = given.find(row.about.name);
    out += toml_key(row.about.name) + " = " + value + "  # " + (found == given.end() ? "default" : found->second.from);
    out += '\n';
  }
  return out;
}

}  // namespace troupe
