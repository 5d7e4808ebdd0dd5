// API keys: made, shown once, listed, replaced with an overlap, revoked.
#include "actors/identity_reads.hpp"
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/fleet_routes.hpp"
#include "http/money_post.hpp"
#include "http/request_signature.hpp"
#include "http/spend_fields.hpp"

namespace troupe {

namespace {

constexpr size_t name_bytes_max = 128, word_bytes_max = 256, words_max = 64;
constexpr int32_t keys_max = 1'000;  // of one user, ended ones included
constexpr int64_t per_minute_max = 1'000'000'000;
constexpr int64_t overlap_hours_max = 30 * 24;

using ceiling_names = std::map<std::string_view, std::string_view>;
const ceiling_names ceilings{{"daily_spend_limit", "day"}, {"monthly_spend_limit", "month"}, {"spend_limit", "total"}};

std::set<std::string, std::less<>> known_scopes() {
  std::set<std::string, std::less<>> words{"read", "write", "admin"};
  for (auto& row : routes())
    if (!row.scope.empty()) words.emplace(row.scope);
  return words;
}

/// Lists are stored with spaces between.
std::vector<std::string> words_in(fields& f, std::string_view name) {
  auto words = f.texts(name, words_max, word_bytes_max);
  for (auto& x : words)
    if (x.empty() || std::any_of(x.begin(), x.end(), [](unsigned char c) { return c <= ' ' || c == 127; }))
      f.refuse(std::string{name} + " must be words without spaces");
  return words;
}

credential_rules read_rules(fields& f) {
  credential_rules r;
  r.scopes = words_in(f, "scopes");
  for (auto& x : r.scopes)
    if (!known_scopes().contains(x)) f.refuse("scopes: there is no scope " + x);
  r.models = words_in(f, "allowed_models");
  r.networks = words_in(f, "allowed_ips");
  for (auto& x : r.networks)
    if (!parse_ip_range(x)) f.refuse("allowed_ips: " + x + " is no address and no range such as 10.0.0.0/8");
  r.per_minute = static_cast<int32_t>(f.integer("rate_limit_per_minute", 1, per_minute_max, 0));
  r.must_sign = f.flag("require_signature", false);
  return r;
}

json key_json(const key_view& k, time_ms now_ms) {
  auto& x = k.row;
  auto expired = x.expires_ms != 0 && x.expires_ms <= now_ms;
  auto limits = json::object();
  auto spending = json::array();
  json quota, used;
  for (auto& [limit, spent] : k.limits) {
    for (auto& [name, period] : ceilings)
      if (period == limit.period) limits[std::string{name}] = format_amount(limit.limit);
    if (limit.period == "total") quota = format_amount(limit.limit), used = format_amount(spent);
    spending.push_back({{"period", limit.period},
                        {"currency", to_string(limit.currency)},
                        {"limit", format_amount(limit.limit)},
                        {"used", format_amount(spent)}});
  }
  return {{"id", x.id},
          {"name", x.name},
          {"prefix", x.prefix},
          {"status", x.revoked_ms != 0 ? "revoked"
                     : expired         ? "expired"
                                       : "active"},
          {"scopes", k.rules.scopes},
          {"allowed_models", k.rules.models},
          {"allowed_ips", k.rules.networks},
          {"rate_limit_per_minute", k.rules.per_minute == 0 ? json(nullptr) : json(k.rules.per_minute)},
          {"require_signature", k.rules.must_sign},
          {"limits", limits},
          {"spending", std::move(spending)},
          {"quota_limit", std::move(quota)},
          {"quota_used", std::move(used)},
          {"created_at", time_json(x.created_ms)},
          {"expires_at", time_json(x.expires_ms)},
          {"revoked_at", time_json(x.revoked_ms)},
          {"last_used_at", time_json(k.used_ms)}};
}

/// What was made is told this once.
json with_secret(const call& c, json answer, const std::string& secret, bool must_sign) {
  answer["key"] = secret;
  answer["message"] = "Shown once: keep it safe";
  if (must_sign) answer["signing_secret"] = signing_secret(c.e, "key:" + sha256_hex(secret));
  return answer;
}

/// A key that may not do everything must not get one that may.
bool is_restricted(const call_ptr& c) {
  auto of_key = [](const spend_limit& x) { return x.scope.starts_with("key:"); };
  if (!c->who->rules && std::none_of(c->who->limits.begin(), c->who->limits.end(), of_key)) return false;
  c->refuse({errc::forbidden, "a restricted API key cannot manage API keys", {}, {}});
  return true;
}

void make(const call_ptr& c) {
  if (is_restricted(c)) return;
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto sent = std::get<json>(body);
  if (sent.contains("quota_limit") && !sent.contains("spend_limit")) {  // its name elsewhere
    sent["spend_limit"] = sent["quota_limit"];
    sent.erase("quota_limit");
  }
  fields f{sent};
  auto now = c->e.h.now_ms();
  auto secret = "fsk_" + base64url(random_bytes(32));
  key_view k;
  k.row = {new_id("key"),
           c->who->user_id,
           sha256_hex(secret),
           secret.substr(0, 12),
           f.text("name", name_bytes_max, true),
           now,
           f.time("expires_at")};
  k.rules = read_rules(f);
  auto currency = f.currency("currency").value_or(asset::dgpu);
  change x;
  x.spend_limits = read_limits(f, sent, ceilings, currency);
  for (auto& limit : x.spend_limits) {
    limit.scope = "key:" + k.row.id;
    if (limit.limit > 0) k.limits.emplace_back(limit, 0);
  }
  if (k.row.expires_ms != 0 && k.row.expires_ms <= now) f.refuse("expires_at must be in the future");
  if (auto bad = f.problem()) return c->refuse(*bad);
  identity_change steps;
  steps.steps.emplace_back(key_rules_put{k.row.id, k.rules});
  x.api_key = k.row;
  x.identity = std::make_shared<const identity_change>(std::move(steps));
  x.audit = audit_of(*c, k.row.id);
  auto count = [user = c->who->user_id, now](store_reader& db) {
    return db.identity().keys(user, keys_max, now).size();
  };
  ask_store(c, std::move(count), [=](size_t have) {
    if (have >= keys_max) return c->refuse({errc::conflict, "a thousand API keys are enough", {}, {}});
    commit_change(c, x, [=] { c->reply(201, with_secret(*c, key_json(k, now), secret, k.rules.must_sign)); });
  });
}

void list(const call_ptr& c) {
  auto now = c->e.h.now_ms();
  ask_store(
      c, [user = c->who->user_id, now](store_reader& db) { return db.identity().keys(user, keys_max, now); },
      [c, now](const std::vector<key_view>& keys) {
        auto rows = json::array();
        for (auto& k : keys) rows.push_back(key_json(k, now));
        auto total = rows.size();
        c->reply(200, {{"keys", std::move(rows)}, {"total", total}});
      });
}

/// The caller's own key of the path; another's is not there.
void with_key(const call_ptr& c, std::function<void(const key_view&)> next) {
  auto read = [id = c->params["id"], now = c->e.h.now_ms()](store_reader& db) { return db.identity().key(id, now); };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<key_view>& k) {
    if (!k || k->row.user_id != c->who->user_id) return c->refuse({errc::not_found, "API key not found", {}, {}});
    next(*k);
  });
}

void show(const call_ptr& c) {
  with_key(c, [c](const key_view& k) { c->reply(200, key_json(k, c->e.h.now_ms())); });
}

/// The key stays, with its id, rules and spending; only its secret is another, and the old one is good for a while yet.
void rotate(const call_ptr& c) {
  if (is_restricted(c)) return;
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto overlap_ms = f.integer("overlap_hours", 0, overlap_hours_max, 24) * 3'600'000;
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_key(c, [c, overlap_ms](key_view k) {
    auto now = c->e.h.now_ms();
    auto secret = "fsk_" + base64url(random_bytes(32));
    k.row.prefix = secret.substr(0, 12);
    identity_change steps;
    steps.steps.emplace_back(key_rotate{k.row.id, sha256_hex(secret), k.row.prefix, now, now + overlap_ms});
    change x;
    x.identity = std::make_shared<const identity_change>(std::move(steps));
    x.audit = audit_of(*c, k.row.id);
    commit_change(c, std::move(x), [=] {
      forget(*c, k.row.user_id);
      auto answer = with_secret(*c, key_json(k, now), secret, k.rules.must_sign);
      answer["old_secret_ends_at"] = iso_time(now + overlap_ms);
      c->reply(200, answer);
    });
  });
}

void revoke(const call_ptr& c) {
  if (is_restricted(c)) return;
  with_key(c, [c](key_view k) {
    if (k.row.revoked_ms == 0) k.row.revoked_ms = c->e.h.now_ms();
    identity_change steps;
    steps.steps.emplace_back(key_revoke{k.row.id, k.row.revoked_ms});
    change x;
    x.identity = std::make_shared<const identity_change>(std::move(steps));
    x.audit = audit_of(*c, k.row.id);
    commit_change(c, std::move(x), [=] {
      forget(*c, k.row.user_id);
      c->reply(200, key_json(k, c->e.h.now_ms()));
    });
  });
}

}  // namespace

void add_api_key_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view v1, std::string_view doc, auto run,
                 std::string_view act = {}) {
    for (auto p : {path, v1}) rows.push_back(audited(act, {verb, p, access::user, doc, run}));
  };
  add("POST", "/api/api-keys", "/api/v1/api-keys", "One more API key; shown once", make, "key.create");
  add("GET", "/api/api-keys", "/api/v1/api-keys", "Your API keys, without what opens", list);
  add("GET", "/api/api-keys/{id}", "/api/v1/api-keys/{id}", "One of them", show);
  add("POST", "/api/api-keys/{id}/rotate", "/api/v1/api-keys/{id}/rotate", "A new secret; the old one ends later",
      rotate, "key.rotate");
  add("DELETE", "/api/api-keys/{id}", "/api/v1/api-keys/{id}", "End it now", revoke, "key.revoke");
}

}  // namespace troupe
