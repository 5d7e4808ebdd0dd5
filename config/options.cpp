// The option table: every flag, variable and TOML key there is.
#include <algorithm>

#include "config/option_table.hpp"

namespace troupe {

namespace {

constexpr auto list = option_shape::list;

option plain(std::string_view name, std::string_view commands, std::string_view help,
             std::vector<std::string_view> aliases = {}) {
  return {name, help, commands, option_shape::value, false, std::move(aliases)};
}

option shaped(std::string_view name, option_shape shape, std::string_view commands, std::string_view help,
              std::vector<std::string_view> aliases = {}) {
  return {name, help, commands, shape, false, std::move(aliases)};
}

option secret(std::string_view name, std::string_view commands, std::string_view help,
              std::vector<std::string_view> aliases = {}) {
  return {name, help, commands, option_shape::value, true, std::move(aliases)};
}

std::vector<binding> door_bindings() {
  using c = config;
  constexpr int64_t year_minutes = 366 * 24 * 60;
  return {
      {plain("listen", "serve", "HOST:PORT of the REST and WebSocket door", {"HOST", "PORT"}), &c::listen},
      {plain("data-dir", "serve node ledger migrate admin audit", "folder of all that is kept"), &c::data_dir},
      {secret("database", "serve ledger migrate admin audit", "postgresql:// address; empty: SQLite in the data folder",
              {"DATABASE_URL"}),
       &c::database},
      {plain("database-timeout-ms", "serve", "of one PostgreSQL statement, and of waiting for a lock"),
       bounded{&c::database_timeout_ms, 100, 600'000}},
      {plain("cluster-listen", "serve", "HOST:PORT that nodes join; port 0: a free one"), &c::cluster_listen},
      {plain("cluster-advertise", "serve", "HOST:PORT where others reach the cluster door; empty: as it listens"),
       &c::cluster_advertise},
      {plain("cluster-cert", "serve node", "PEM certificate for the cluster's TLS"), &c::cluster_cert},
      {plain("cluster-key", "serve node", "PEM key for the cluster's TLS"), &c::cluster_key},
      {plain("cluster-ca", "serve node", "PEM certificates that the cluster trusts"), &c::cluster_ca},
      {shaped("dev", option_shape::flag, "serve", "demo users and a faucet; on loopback only"), &c::dev},
      {secret("jwt-secret", "serve", "key of session tokens; empty: made once and kept in the data folder",
              {"JWT_SECRET", "JWT_SECRET_KEY", "SECRET_KEY"}),
       &c::jwt_secret},
      {plain("jwt-minutes", "serve", "life of a session token", {"ACCESS_TOKEN_EXPIRE_MINUTES"}),
       bounded{&c::jwt_minutes, 1, year_minutes}},
      {plain("drain-seconds", "serve node", "at shutdown: patience with requests in flight, or with running jobs"),
       bounded{&c::drain_seconds, 0, 3600}},
      {plain("checkpoint-mb-max", "serve", "what a preempted job may leave for its next attempt"),
       bounded{&c::checkpoint_mb_max, 0, 256}},
      {plain("in-flight-max", "serve", "requests at a time; above this 503"), bounded{&c::in_flight_max, 1, 1'000'000}},
      {plain("commit-delay-us", "serve", "how long the ledger waits for company before a commit"),
       bounded{&c::commit_delay_us, 0, 2000}},
      {plain("tenant-jobs-max", "serve", "jobs of one user that run at a time; 0: no limit"),
       bounded{&c::tenant_jobs_max, 0, 1'000'000}},
      {plain("tenant-queue-max", "serve", "jobs of one user that wait; above this 429; 0: no limit"),
       bounded{&c::tenant_queue_max, 0, 100'000'000}},
      {plain("queue-max", "serve", "jobs of all users that wait; above this 429; 0: no limit"),
       bounded{&c::queue_max, 0, 100'000'000}},
      {plain("readers", "serve", "read-only database connections"), bounded{&c::readers, 1, 64}},
      {plain("http-threads", "serve", "threads of the REST and WebSocket door"), bounded{&c::http_threads, 1, 256}},
  };
}

std::vector<binding> people_bindings() {
  using c = config;
  return {
      {plain("jwt-algorithm", "serve", "HS256, or RS256 with keys that rotate", {"JWT_ALGORITHM"}), &c::jwt_algorithm},
      {plain("refresh-days", "serve", "life of a refresh token that is not used", {"REFRESH_TOKEN_EXPIRE_DAYS"}),
       bounded{&c::refresh_days, 1, 366}},
      {shaped("require-mfa", option_shape::flag, "serve", "users without a second factor may only set one up",
              {"REQUIRE_MFA"}),
       &c::require_mfa},
      {shaped("api-key-query", option_shape::flag, "serve", "take ?api_key= too, though it lands in logs"),
       &c::api_key_query},
      {plain("public-url", "serve", "https://..., as browsers see the server"), &c::public_url},
      {secret("encryption-key", "serve admin",
              "key of secrets at rest; several with commas: the first seals; empty: made once, in the data folder",
              {"ENCRYPTION_KEY"}),
       &c::encryption_key},
      {plain("smtp-url", "serve", "smtp://HOST:PORT or smtps://...; empty: no e-mail"), &c::smtp_url},
      {plain("smtp-from", "serve", "sender of e-mail"), &c::smtp_from},
      {plain("smtp-user", "serve", "name at the mail server; empty: none"), &c::smtp_user},
      {secret("smtp-password", "serve", "password at the mail server"), &c::smtp_password},
      {plain("oidc-issuer", "serve", "OpenID Connect provider that may log people in; empty: none"), &c::oidc_issuer},
      {plain("oidc-client-id", "serve", "our name there"), &c::oidc_client_id},
      {secret("oidc-client-secret", "serve", "our secret there"), &c::oidc_client_secret},
      {plain("tier-profile", "serve", "numbers of the tiers: default, fabstir, aivillage or sprint"), &c::tier_profile},
      {plain("rate-limit-per-minute", "serve", "requests of an address without a valid credential; 0: no limit",
             {"RATE_LIMIT_REQUESTS_PER_MINUTE"}),
       bounded{&c::rate_limit_per_minute, 0, 1'000'000'000}},
      {plain("rate-limit-burst", "serve", "of these within one second", {"RATE_LIMIT_BURST"}),
       bounded{&c::rate_limit_burst, 1, 1'000'000'000}},
  };
}

std::vector<binding> edge_bindings() {
  using c = config;
  return {
      {plain("tls-cert", "serve", "PEM certificate chain of the REST door; read again when it changes"), &c::tls_cert},
      {plain("tls-key", "serve", "PEM key of it"), &c::tls_key},
      {shaped("cors-origin", list, "serve", "origin whose pages may ask, or *; may be repeated",
              {"CORS_ORIGINS", "CORS_ALLOWED_ORIGINS"}),
       &c::cors_origins},
      {shaped("cors-method", list, "serve", "method that they may use; may be repeated; none: all"), &c::cors_methods},
      {shaped("cors-header", list, "serve", "header that they may send; may be repeated; none: those that count"),
       &c::cors_headers},
      {shaped("cors-credentials", option_shape::flag, "serve", "their cookies and Authorization, too"),
       &c::cors_credentials},
      {shaped("trusted-host", list, "serve", "name in Host that is answered; may be repeated; none: all",
              {"TRUSTED_HOSTS"}),
       &c::trusted_hosts},
      {shaped("trusted-proxy", list, "serve", "CIDR whose X-Forwarded-For is believed; may be repeated"),
       &c::trusted_proxies},
      {shaped("outbound-allow", list, "serve", "CIDR of private addresses that URLs of users may reach"),
       &c::outbound_allow},
      {plain("webhook-retry", "serve", "pauses between attempts to deliver an event: 5s,30s,2m,1h"), &c::webhook_retry},
  };
}

std::vector<binding> money_bindings() {
  using c = config;
  return {
      {plain("fee-bps", "serve", "platform fee in 1/100 of a percent"), bounded{&c::fee_bps, 0, 10'000}},
      {plain("fee-mode", "serve", "on_top: the user pays price and fee; inclusive: the fee comes out of the price"),
       &c::fee_mode},
      {shaped("dynamic-pricing", option_shape::flag, "serve", "GPU prices follow the queue and the idle devices"),
       &c::dynamic_pricing},
      {shaped("gpu-price", list, "serve node", "GPU=RATE per hour; may be repeated; in the file also [prices.gpu]"),
       &c::gpu_price},
      {plain("gpu-price-default", "serve node", "rate of a GPU that the price book does not know; empty: refused"),
       &c::gpu_price_default},
      {shaped("model-price", list, "serve",
              "NAME=INPUT:OUTPUT[:CACHED[:MIN_TOKENS]] per million tokens, NAME * for all others; in the file also "
              "[prices.model]"),
       &c::model_price},
      {plain("vram-price", "serve", "per GB of VRAM and hour; empty: 0.02"), &c::vram_price},
      {plain("power-price", "serve", "per kWh; empty: 0.001"), &c::power_price},
      {plain("api-call-price", "serve", "CREDIT per API call; empty: 0.001"), &c::api_call_price},
      {plain("storage-price", "serve", "CREDIT per GB and month; empty: 0.1"), &c::storage_price},
      {plain("bandwidth-price", "serve", "CREDIT per GB; empty: 0.05"), &c::bandwidth_price},
      {plain("withdraw-max", "serve", "most that one withdrawal may take, a decimal"), &c::withdraw_max},
      {plain("withdraw-daily", "serve", "most that a user may withdraw of one asset within 24 hours; 0: no limit"),
       &c::withdraw_daily},
      {plain("withdraw-hours", "serve", "a withdrawal that nobody approved lapses after so long"),
       bounded{&c::withdraw_hours, 1, 24 * 365}},
      {plain("payout-min", "serve", "least that a provider's payout may be, a decimal"), &c::payout_min},
      {plain("payout-fee-bps", "serve", "fee of a payout in 1/100 of a percent, taken out of it"),
       bounded{&c::payout_fee_bps, 0, 5'000}},
      {plain("dispute-window-seconds", "serve", "how long a provider's income waits before it may be paid out"),
       bounded{&c::dispute_window_seconds, 0, 366 * 86'400}},
      {plain("low-balance", "serve", "dGPU below which a user is warned by an event; 0: never"), &c::low_balance},
  };
}

std::vector<binding> node_bindings() {
  using c = config;
  return {
      {plain("slots", "serve node", "jobs at a time; -1: number of CPU cores, 0 (serve): no node in the gateway"),
       bounded{&c::slots, -1, 100'000}},
      {plain("artifact-mb-max", "serve node", "of an attempt's artifacts that are kept in the database, in MiB"),
       bounded{&c::artifact_mb_max, 0, 1024}},
      {plain("join", "node", "HOST:PORT of a gateway's cluster door; several with commas"), &c::join},
      {secret("node-key", "serve node", "the key a node shows to join"), &c::node_key},
      {plain("name", "serve node", "name of the node; empty: host name and pid"), &c::name},
      {plain("region", "serve node", "where the node is, for jobs that ask"), &c::region},
      {plain("gpu", "serve node", "auto, none or MODEL:VRAM_MB[xN],..."), &c::gpu},
      {plain("price-per-hour", "serve node", "the node's rate as a decimal; empty: the price book's"),
       &c::price_per_hour},
      {shaped("label", list, "serve node", "k=v that jobs can ask for; may be repeated"), &c::label},
      {shaped("model", list, "serve node", "NAME=URL of an OpenAI-compatible server; may be repeated"), &c::model},
      {plain("config", "serve node ledger migrate admin audit", "TOML file with any of these"), &c::config_file},
      {plain("log-level", "serve node ledger migrate admin audit", "debug, info, warn, error or off", {"LOG_LEVEL"}),
       &c::log_level},
      {plain("log-format", "serve node ledger migrate admin audit", "auto, json or human", {"LOG_FORMAT"}),
       &c::log_format},
  };
}

std::vector<binding> make_bindings() {
  auto all = door_bindings();
  for (auto& rows : {people_bindings(), edge_bindings(), money_bindings(), node_bindings()})
    all.insert(all.end(), rows.begin(), rows.end());
  return all;
}

}  // namespace

const std::vector<binding>& bindings() {
  static const auto table = make_bindings();
  return table;
}

const std::vector<option>& options() {
  static const auto table = [] {
    std::vector<option> rows;
    for (auto& row : bindings()) rows.push_back(row.about);
    return rows;
  }();
  return table;
}

const binding* find_binding(std::string_view name) {
  for (auto& row : bindings())
    if (row.about.name == name) return &row;
  return nullptr;
}

std::string toml_key(std::string_view name) {
  std::string key{name};
  std::replace(key.begin(), key.end(), '-', '_');
  return key;
}

std::string variable_name(std::string_view name) {
  auto key = toml_key(name);
  for (auto& c : key)
    if (c >= 'a' && c <= 'z') c = static_cast<char>(c - 'a' + 'A');
  return "TROUPE_" + key;
}

}  // namespace troupe
