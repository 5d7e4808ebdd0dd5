// The router: row by path and verb, then the credential, then the row's work.
#include "http/routes.hpp"

#include "config/log.hpp"
#include "http/admission.hpp"
#include "http/audit.hpp"
#include "http/login_guard.hpp"
#include "http/token_keys.hpp"

namespace troupe {

void call::refuse(const failure& f) {
  audit_refusal(*this, f);
  done(error_reply(f, request.request_id, dialect));
}

namespace {

using path_params = std::map<std::string, std::string, std::less<>>;

/// Fills `params` from {name} parts; false when the path is another one.
bool match(std::string_view pattern, std::string_view path, path_params& params) {
  while (!pattern.empty() && !path.empty()) {
    auto want = pattern.substr(0, pattern.find('/', 1));
    auto have = path.substr(0, path.find('/', 1));
    if (want.starts_with("/{")) {
      if (have.size() < 2) return false;
      params[std::string{want.substr(2, want.size() - 3)}] = have.substr(1);
    } else if (want != have) {
      return false;
    }
    pattern.remove_prefix(want.size());
    path.remove_prefix(have.size());
  }
  return pattern.empty() && path.empty();
}

/// The row, or null with the verbs that the path does know in `allowed`.
const route* find_route(std::string_view verb, std::string_view path, path_params& params, std::string& allowed) {
  auto wanted = verb == "HEAD" ? "GET" : verb;
  for (auto& row : routes()) {
    path_params found;
    if (!match(row.path, path, found)) continue;
    if (row.verb == wanted) {
      params = std::move(found);
      return &row;
    }
    allowed += (allowed.empty() ? "" : ", ") + std::string{row.verb};
  }
  return nullptr;
}

http_reply no_route(const http_request& r, const std::string& allowed) {
  if (allowed.empty()) return error_reply(404, "RESOURCE_NOT_FOUND", "Endpoint not found", r.request_id);
  auto reply = error_reply(405, "METHOD_NOT_ALLOWED", "Method not allowed", r.request_id);
  reply.headers.emplace_back("Allow", allowed);
  return reply;
}

/// Logs the outcome when the answer goes out. The credential and the body are never logged.
respond_fn logged(const http_request& r, respond_fn done) {
  if (!log::wants(log::level::debug)) return done;
  return [done = std::move(done), method = r.method, path = r.path, id = r.request_id, t = steady_ms()](http_reply x) {
    log::debug("request", {{"method", method},
                           {"path", path},
                           {"status", std::to_string(x.status)},
                           {"duration_ms", std::to_string(steady_ms() - t)},
                           {"request_id", id}});
    done(std::move(x));
  };
}

void must_be_decided(const route& row) {
  auto name = std::string{row.verb} + " " + std::string{row.path};
  if (row.needs == access::undecided) throw std::logic_error{"nobody decided who may " + name};
  if (row.needs == access::admin && row.verb != "GET" && row.act.empty())
    throw std::logic_error{"the audit trail has no name for " + name};
}

}  // namespace

edge::edge(house& x, std::string secret, int64_t now_ms)
    : h(x),
      jwt_secret(std::move(secret)),
      started_ms(now_ms),
      signing_root(jwt_secret),
      keys(std::make_shared<token_keys>(jwt_secret, x.settings.jwt_algorithm)),
      logins(std::make_shared<login_guard>()),
      strangers(x.settings.rate_limit_per_minute, x.settings.rate_limit_burst) {}

const std::vector<route>& routes() {
  static const auto table = [] {
    std::vector<route> rows;
    add_job_routes(rows);  // the hot ones first: the router looks from the top
    add_completion_routes(rows);
    add_auth_routes(rows);
    add_api_key_routes(rows);
    add_session_routes(rows);
    add_schedule_routes(rows);
    add_webhook_routes(rows);
    add_log_routes(rows);
    add_artifact_routes(rows);
    add_money_routes(rows);
    add_pricing_routes(rows);
    add_rental_routes(rows);
    add_usage_routes(rows);
    add_drain_routes(rows);
    add_billing_routes(rows);
    add_system_routes(rows);
    add_fleet_routes(rows);
    add_admin_routes(rows);
    add_audit_routes(rows);
    for (auto& row : rows) must_be_decided(row);
    return rows;
  }();
  return table;
}

outcome<std::string> credential_of(const edge& e, const http_request& r) {
  auto none = [](const char* why) { return failure{errc::unauthenticated, why, {}, {}}; };
  std::string in_query;  // the last place to look: what was sent first is what counts, good or bad
  if (r.authorization.empty() && r.api_key.empty() && e.h.settings.api_key_query)
    in_query = query_value(r.query, "api_key");
  std::string_view secret = r.api_key.empty() ? in_query : r.api_key;
  if (!r.authorization.empty()) {
    auto scheme = std::string_view{r.authorization}.substr(0, 7);
    auto bearer = scheme.size() == 7 && (scheme == "Bearer " || scheme == "bearer ");
    if (!bearer) return none("Missing or invalid authorization header");
    secret = std::string_view{r.authorization}.substr(7);
  }
  if (secret.empty()) return none("Missing or invalid authorization header");
  if (secret.starts_with("fsk_") || secret.starts_with("dsk_")) {
    if (secret.size() > 256) return none("Invalid API key");
    return "key:" + sha256_hex(secret);
  }
  if (r.authorization.empty()) return none("Invalid API key");
  auto session = e.keys->session_of(secret, e.h.now_ms());
  if (!session) return none("Invalid or expired token");
  return "jwt:" + *session;
}

void serve_request(edge& e, http_request r, respond_fn done) {
  path_params params;
  std::string allowed;
  auto* row = find_route(r.method, r.path, params, allowed);
  if (row == nullptr) return done(no_route(r, allowed));
  auto dialect = row->openai && r.error_dialect == "openai" ? error_dialect::openai : error_dialect::canonical;
  auto respond = logged(r, std::move(done));
  auto c = std::make_shared<call>(call{e, std::move(r), std::move(params), {}, dialect, std::move(respond), row});
  row->needs == access::open ? enter_open(c) : enter(c);
}

size_t body_bound(const std::string& verb, const std::string& path) {
  path_params params;
  std::string allowed;
  auto* row = find_route(verb, path, params, allowed);
  return row == nullptr ? limits::body_bytes_max : row->body_bytes_max;
}

std::string query_value(std::string_view query, std::string_view name) {
  while (!query.empty()) {
    auto part = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), part.size() + 1));
    auto equals = part.find('=');
    if (part.substr(0, equals) != name || equals == std::string_view::npos) continue;
    std::string value;
    for (auto i = equals + 1; i < part.size(); ++i) {
      unsigned code = 0;
      auto encoded = part[i] == '%' && i + 2 < part.size() + 0 &&
                     std::sscanf(std::string{part.substr(i + 1, 2)}.c_str(), "%2x", &code) == 1;
      value += encoded ? static_cast<char>(code) : part[i] == '+' ? ' ' : part[i];
      if (encoded) i += 2;
    }
    return value;
  }
  return {};
}

std::optional<int64_t> query_integer(std::string_view query, std::string_view name, int64_t least, int64_t most,
                                     int64_t otherwise) {
  auto text = query_value(query, name);
  if (text.empty()) return otherwise;
  if (text.size() > 18 || text.find_first_not_of("0123456789") != std::string::npos) return std::nullopt;
  auto number = std::stoll(text);
  if (number < least || number > most) return std::nullopt;
  return number;
}

}  // namespace troupe
