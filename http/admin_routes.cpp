// People as an admin sees and sets them, their API keys, and how much the platform is used.
#include "actors/admin_reads.hpp"
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/fleet_routes.hpp"
#include "http/usage_json.hpp"
#include "model/identity.hpp"
#include "model/spending.hpp"
#include "model/tiers.hpp"

namespace troupe {

namespace {

constexpr int64_t day_ms = 86'400'000;

json user_json(const known_user& u) {
  return {{"id", u.row.id},
          {"email", u.row.email},
          {"username", u.row.username},
          {"organization", u.row.organization},
          {"role", u.row.role},
          {"tier", u.row.tier},
          {"status", u.status},
          {"status_changed_at", time_json(u.status_ms)},
          {"api_keys", u.keys},
          {"created_at", time_json(u.row.created_ms)}};
}

const std::set<std::string> roles{"user", "provider", "admin"}, states{"active", "suspended"};
constexpr auto tier_words = "tier must be free, standard, pro, enterprise or unlimited";

/// What is wrong, or nothing.
std::optional<std::string> read_filter(const std::string& query, user_filter& f) {
  f.email = query_value(query, "email");
  f.tier = query_value(query, "tier");
  f.role = query_value(query, "role");
  f.status = query_value(query, "status");
  f.before_id = query_value(query, "before");
  if (!f.role.empty() && !roles.contains(f.role)) return "role must be user, provider or admin";
  if (!f.status.empty() && !states.contains(f.status)) return "status must be active or suspended";
  if (!f.tier.empty() && !known_tier(f.tier)) return tier_words;
  auto read_day = [&](const char* name, time_ms after, time_ms& to) {
    auto text = query_value(query, name);
    auto day = parse_day(text.substr(0, 10));
    if (day) to = *day + after;
    return text.empty() || day;
  };
  if (!read_day("start_date", 0, f.from_ms)) return "start_date must be a day like 2026-11-22";
  if (!read_day("end_date", day_ms, f.to_ms)) return "end_date must be a day like 2026-11-22";
  auto limit = query_integer(query, "limit", 1, limits::page_rows_max, 50);
  if (!limit) return "limit must be an integer from 1 to 1000";
  f.limit = static_cast<int32_t>(*limit);
  return {};
}

struct user_page {
  std::vector<known_user> users;
  int64_t total = 0;
};

void list(const call_ptr& c) {
  user_filter f;
  if (auto bad = read_filter(c->request.query, f)) return c->refuse({errc::invalid, *bad, {}, {}});
  auto find = [f](store_reader& db) { return user_page{db.people().list(f), db.people().count(f)}; };
  ask_store(c, find, [c, f](const user_page& page) {
    auto rows = json::array();
    for (auto& u : page.users) rows.push_back(user_json(u));
    auto more = std::ssize(page.users) == f.limit;
    c->reply(200, {{"users", std::move(rows)},
                   {"total", page.total},
                   {"next_before", more ? json(page.users.back().row.id) : json(nullptr)}});
  });
}

void with_user(const call_ptr& c, std::function<void(const known_user&)> next) {
  auto find = [id = c->params["id"]](store_reader& db) { return db.people().find(id); };
  ask_store(c, find, [c, next = std::move(next)](const std::optional<known_user>& u) {
    if (!u) return c->refuse({errc::not_found, "User not found", {}, {}, "USER_NOT_FOUND"});
    next(*u);
  });
}

void show(const call_ptr& c) {
  with_user(c, [c](const known_user& u) { c->reply(200, user_json(u)); });
}

std::optional<failure> read_patch(const call& c, user_patch& p) {
  auto body = parse_object(c.request.body);
  if (auto bad = std::get_if<failure>(&body)) return *bad;
  auto& object = std::get<json>(body);
  fields f{object};
  auto word = [&](const char* name, auto known, const char* why) {
    auto text = f.text(name, 32);
    if (!object.contains(name)) return std::optional<std::string>{};
    if (!known(text)) f.refuse(why);
    return std::optional{text};
  };
  auto in = [](auto& words) { return [&words](const std::string& x) { return words.contains(x); }; };
  p.tier = word("tier", known_tier, tier_words);
  p.role = word("role", in(roles), "role must be user, provider or admin");
  p.status = word("status", in(states), "status must be active or suspended");
  if (!p.tier && !p.role && !p.status) f.refuse("tier, role or status is needed");
  return f.problem();
}

json told(const known_user& before, const user_patch& p) {
  auto detail = json::object();
  auto tell = [&](const char* name, const std::optional<std::string>& next, const std::string& old) {
    if (next && *next != old) detail[name] = {{"from", old}, {"to", *next}};
  };
  tell("tier", p.tier, before.row.tier);
  tell("role", p.role, before.row.role);
  tell("status", p.status, before.status);
  return detail;
}

/// That somebody stays who may undo it is the store's to say; nobody shuts himself out by mistake.
void update(const call_ptr& c) {
  user_patch p;
  if (auto bad = read_patch(*c, p)) return c->refuse(*bad);
  with_user(c, [c, p](const known_user& before) mutable {
    auto shuts_out = p.status.value_or("active") != "active" || p.role.value_or("admin") != "admin";
    if (before.row.id == c->who->user_id && shuts_out)
      return c->refuse({errc::conflict, "nobody suspends himself or gives up being an admin", {}, {}});
    p.user_id = before.row.id;
    p.at_ms = c->e.h.now_ms();
    change x;
    x.audit = audit_of(*c, p.user_id, told(before, p));
    x.identity = std::make_shared<const identity_change>(identity_change{{p}});
    commit_change(c, std::move(x), [c, p] {
      forget(*c, p.user_id);
      show(c);
    });
  });
}

json key_json(const api_key_row& k, time_ms now_ms) {
  auto status = k.revoked_ms > 0 ? "revoked" : k.expires_ms > 0 && k.expires_ms <= now_ms ? "expired" : "active";
  return {{"id", k.id},
          {"user_id", k.user_id},
          {"prefix", k.prefix},
          {"name", k.name},
          {"status", status},
          {"created_at", time_json(k.created_ms)},
          {"expires_at", time_json(k.expires_ms)},
          {"revoked_at", time_json(k.revoked_ms)}};
}

void list_keys(const call_ptr& c) {
  with_user(c, [c](const known_user& u) {
    auto find = [id = u.row.id](store_reader& db) { return db.people().keys(id); };
    ask_store(c, find, [c](const std::vector<api_key_row>& keys) {
      auto rows = json::array();
      for (auto& k : keys) rows.push_back(key_json(k, c->e.h.now_ms()));
      auto total = rows.size();
      c->reply(200, {{"keys", std::move(rows)}, {"total", total}});
    });
  });
}

/// Once more is no error: the key stays revoked since it was.
void revoke_key(const call_ptr& c) {
  auto find = [id = c->params["key_id"]](store_reader& db) { return db.people().find_key(id); };
  ask_store(c, find, [c](std::optional<api_key_row> k) {
    if (!k || k->user_id != c->params["id"]) return c->refuse({errc::not_found, "API key not found", {}, {}});
    auto credential = "key:" + k->key_hash;
    if (k->revoked_ms > 0) return c->reply(200, key_json(*k, c->e.h.now_ms()));
    k->revoked_ms = c->e.h.now_ms();
    change x;
    x.api_key = *k;
    x.audit = audit_of(*c, k->id, {{"user_id", k->user_id}});
    commit_change(c, std::move(x), [c, k = *k, credential] {
      tell(c->e.h.actors.sessions.get(), forget_credential{credential});
      c->reply(200, key_json(k, c->e.h.now_ms()));
    });
  });
}

struct period {
  const char* name;
  int64_t days;  // with today
};
constexpr period periods[] = {{"daily", 1}, {"weekly", 7}, {"monthly", 30}};

struct period_found {
  std::string from_day;
  int64_t active = 0, registered = 0;
  std::vector<usage_add> all, days, models, users;
};
struct stats_found {
  people_counts people;
  std::vector<period_found> periods;
  std::vector<balance_row> platform;
};

stats_found find_stats(store_reader& db, time_ms now_ms, int32_t top) {
  stats_found x;
  x.people = db.people().counts();
  x.platform = db.balances(std::string{platform_owner});
  auto& books = db.books();
  for (auto& p : periods) {
    auto since_ms = now_ms - now_ms % day_ms - (p.days - 1) * day_ms;
    usage_filter f;
    f.from_day = day_of(since_ms);
    f.to_day = day_of(now_ms);
    auto sums = [&](usage_by by, int32_t most) { return books.usage_sums(f, by, most); };
    x.periods.push_back({f.from_day, db.people().active_since(f.from_day), db.people().registered_since(since_ms),
                         sums(usage_by::all, top), sums(usage_by::day, limits::page_rows_max),
                         sums(usage_by::model, top), sums(usage_by::user, top)});
  }
  return x;
}

json period_json(const period_found& p) {
  auto body = totals_json(p.all);
  body["start_date"] = p.from_day;
  body["active_users"] = p.active;
  body["new_users"] = p.registered;
  body["revenue"] = body["cost"];  // what was captured of users, the platform's fee included
  body["days"] = usage_json(p.days, usage_by::day);
  body["top_models"] = usage_json(p.models, usage_by::model);
  body["top_users"] = usage_json(p.users, usage_by::user);
  return body;
}

void stats(const call_ptr& c) {
  auto top = query_integer(c->request.query, "top", 1, limits::page_rows_max, 10);
  if (!top) return c->refuse({errc::invalid, "top must be an integer from 1 to 1000", {}, {}});
  auto now = c->e.h.now_ms();
  auto find = [now, n = static_cast<int32_t>(*top)](store_reader& db) { return find_stats(db, now, n); };
  ask_store(c, find, [c, now](const stats_found& x) {
    auto fees = json::object();
    for (auto& b : x.platform)
      if (b.account.kind == account_kind::fee)
        fees[std::string{to_string(b.account.currency)}] = format_amount(b.balance);
    auto& month = x.periods.back();
    json body{{"total_users", x.people.all},
              {"active_users", month.active},
              {"suspended_users", x.people.suspended},
              {"users_by_role", x.people.by_role},
              {"users_by_tier", x.people.by_tier},
              {"platform_fees", fees},
              {"timestamp", iso_time(now)}};
    for (size_t i = 0; i < std::size(periods); ++i) body[periods[i].name] = period_json(x.periods[i]);
    for (auto name : {"requests", "revenue", "top_models", "top_users"}) body[name] = body["monthly"][name];
    c->reply(200, body);
  });
}

}  // namespace

void add_admin_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run,
                 std::string_view act = {}) {
    rows.push_back({verb, path, access::admin, doc, run});
    rows.back().act = act;
  };
  add("GET", "/api/admin/users",
      "People, newest first: ?email=&tier=&role=&status=&start_date=&end_date=&limit=&before=", list);
  add("GET", "/api/admin/users/{id}", "One of them", show);
  add("PUT", "/api/admin/users/{id}", "Set tier, role or status (active, suspended)", update, "user.update");
  add("GET", "/api/admin/users/{id}/keys", "The API keys of one", list_keys);
  add("DELETE", "/api/admin/users/{id}/keys/{key_id}", "Revoke one, at once and everywhere", revoke_key, "key.revoke");
  add("GET", "/api/admin/stats", "Users, requests and revenue of the day, the week and the month: ?top=", stats);
}

}  // namespace troupe
