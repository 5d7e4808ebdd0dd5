// One struct from flags > environment (TROUPE_*) > TOML file > defaults. The only reader of the environment.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "model/amount.hpp"
#include "model/job_spec.hpp"
#include "model/price_book.hpp"
#include "model/withdrawal_rules.hpp"

namespace troupe {

struct endpoint {
  std::string host;
  uint16_t port = 0;
  friend bool operator==(const endpoint&, const endpoint&) = default;
};
/// "127.0.0.1:8080", "[::1]:8080".
std::string to_string(const endpoint&);
/// "localhost", 127.0.0.0/8 or ::1, as text: no name is looked up.
bool is_loopback(std::string_view host);

struct gpu_offer {
  std::string model;  // price-book key
  int64_t vram_mb = 0;
  int32_t count = 1;
};

struct config {
  // serve
  endpoint listen{"127.0.0.1", 8080};
  std::string data_dir = "./data";
  std::string database;                     // empty: SQLite in data_dir
  int64_t database_timeout_ms = 5'000;      // PostgreSQL: of one statement
  endpoint cluster_listen{"127.0.0.1", 0};  // port 0: a free one, remembered in data_dir
  std::string cluster_advertise;  // HOST:PORT at which other gateways and nodes reach it; empty: cluster_listen
  std::string cluster_cert, cluster_key, cluster_ca;
  bool dev = false;
  std::string jwt_secret;  // empty: made once and kept in data_dir (mode 0600)
  int64_t jwt_minutes = 60;
  int64_t drain_seconds = 30;
  int64_t artifact_mb_max = 16;
  int64_t artifact_bytes_max() const { return artifact_mb_max * 1024 * 1024; }
  int64_t checkpoint_mb_max = 16;
  int64_t in_flight_max = 4096;   // requests; above this 503
  int64_t commit_delay_us = 0;    // how long the ledger waits for company before a commit, at most 2000
  int64_t tenant_jobs_max = 0;    // running jobs of one user; 0: no limit
  int64_t tenant_queue_max = 0;   // waiting jobs of one user; 0: no limit
  int64_t queue_max = 1'000'000;  // waiting jobs of all; 0: no limit
  int64_t readers = 2;            // read-only database connections
  int64_t http_threads = 2;
  int64_t fee_bps = 500;                 // platform fee
  std::string fee_mode = "on_top";       // or inclusive: when a request does not say
  bool dynamic_pricing = false;          // GPU prices follow queue and idle devices
  std::vector<std::string> model_price;  // NAME=INPUT:OUTPUT[:CACHED[:MIN_TOKENS]] per million tokens
  std::string api_call_price, storage_price, bandwidth_price;  // empty: the built-in book's
  std::string vram_price, power_price;
  std::string withdraw_max = "1000", withdraw_daily = "5000", payout_min = "10", low_balance = "5";  // decimals
  int64_t withdraw_hours = 24;
  int64_t payout_fee_bps = 100;
  int64_t dispute_window_seconds = 0;  // how long a provider's income waits before it may be paid out

  // who is let in
  std::string jwt_algorithm = "HS256";  // or RS256
  int64_t refresh_days = 30;            // life of a refresh token that is not used
  bool require_mfa = false;             // users without a second factor may only set one up
  bool api_key_query = false;           // ?api_key= counts, though it lands in logs
  std::string public_url;               // https://..., as people's browsers see the server
  std::string encryption_key;           // of secrets at rest; empty: made once and kept in data_dir (mode 0600)
  std::string smtp_url, smtp_from, smtp_user, smtp_password;  // smtp_url empty: no e-mail
  std::string oidc_issuer, oidc_client_id, oidc_client_secret;

  // how much
  std::string tier_profile = "default";  // or fabstir, aivillage, sprint
  int64_t rate_limit_per_minute = 100;   // requests without a valid credential, of one address; 0: no limit
  int64_t rate_limit_burst = 20;         // of these within one second

  // the edge
  std::string tls_cert, tls_key;                        // PEM files; read again when they change
  std::vector<std::string> cors_origins;                // https://..., or *
  std::vector<std::string> cors_methods, cors_headers;  // empty: those that the API knows
  bool cors_credentials = false;
  std::vector<std::string> trusted_hosts;                 // names in Host that are answered; empty: all
  std::vector<std::string> trusted_proxies;               // CIDR: whose X-Forwarded-For is believed
  std::vector<std::string> outbound_allow;                // CIDR: private addresses that URLs of users may reach
  std::string webhook_retry = "5s,30s,2m,10m,1h,6h,16h";  // pauses between attempts: 8 within a day

  // node, and the embedded node of serve
  int64_t slots = -1;  // -1: number of CPU cores; 0 (serve): no embedded node
  std::string join;    // node: HOST:PORT of a gateway's cluster door; several with commas
  std::string node_key;
  std::string name;  // empty: host name and pid
  std::string region;
  std::string gpu = "auto";            // auto | none | MODEL:VRAM_MB[xN],...
  std::string price_per_hour;          // empty: the price book's rate
  std::vector<std::string> gpu_price;  // GPU=RATE per hour, beside or instead of the built-in ones
  std::string gpu_price_default;       // for GPUs that the book does not know; empty: they have no price
  std::vector<std::string> label;      // k=v
  std::vector<std::string> model;      // NAME=URL

  // both
  std::string config_file;
  std::string log_level = "info";
  std::string log_format = "auto";

  // filled by check(): the parsed forms of the above
  std::vector<endpoint> doors;  // of join
  std::vector<gpu_offer> gpus;
  std::vector<troupe::label> labels;
  std::map<std::string, std::string> models;
  std::optional<amount> rate_per_hour;
  price_book prices;
  withdrawal_rules withdrawals;
  std::vector<int64_t> webhook_pauses_ms;  // of webhook_retry
  amount low_balance_amount = 5 * one;
};

/// One clear line: names the key (flag, variable or TOML key) and the bad value. Exit code 2.
struct config_error : std::runtime_error {
  using runtime_error::runtime_error;
};

enum class option_shape { value, flag, list };  // a list may be given again and again

/// A row of the option table: `listen` is --listen, TROUPE_LISTEN and the TOML key listen.
struct option {
  std::string_view name;  // "cluster-listen"; TOML and environment use '_'
  std::string_view help;
  std::string_view commands;  // which subcommands take it: "serve node"; `config` takes all
  option_shape shape = option_shape::value;
  bool secret = false;                    // `config show` prints "***"
  std::vector<std::string_view> aliases;  // further environment names: PORT, HOST, JWT_SECRET, ...
};
const std::vector<option>& options();

/// Where the values come from; `environment` is a seam for tests.
struct sources {
  std::vector<std::pair<std::string, std::string>> flags;  // name without dashes -> text
  std::map<std::string, std::string> environment;
};
std::map<std::string, std::string> process_environment();

/// Reads, merges and checks. Throws config_error; unknown TOML keys and unknown TROUPE_* variables are errors.
config load_config(const sources&);

/// The merged values, one `key = value  # from where` line each, secrets hidden.
std::string show_config(const sources&);

}  // namespace troupe
