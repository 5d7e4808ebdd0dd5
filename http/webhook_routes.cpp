// Webhooks: addresses that a user wants told of events. The URL is judged here and again at every call.
#include <algorithm>

#include "actors/outside.hpp"
#include "actors/sign_in_reads.hpp"
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/fleet_routes.hpp"
#include "http/money_post.hpp"
#include "model/webhook.hpp"

namespace troupe {

namespace {

constexpr int32_t webhooks_max = 20;  // of one user
constexpr size_t events_max = 32, event_bytes_max = 64, url_bytes_max = 2048;
constexpr size_t secret_bytes_min = 16, secret_bytes_max = 128;
constexpr int64_t overlap_ms = 24LL * 3600 * 1000;  // both secrets sign

failure bad_webhook(const std::string& why) { return {errc::invalid, "Invalid webhook configuration: " + why, {}, {}}; }

std::string url_context(const std::string& id) { return "webhook_url:" + id; }
std::string secret_context(const std::string& id) { return "webhook:" + id; }

/// Without its secret.
json webhook_json(const call& c, const webhook& w) {
  return {{"id", w.id},
          {"userId", w.user_id},
          {"url", c.e.secrets->open(w.url, url_context(w.id)).value_or("")},
          {"events", w.events},
          {"active", w.active},
          {"failedAttempts", w.attempts},
          {"nextAttemptAt", time_json(w.next_ms)},
          {"oldSecretEndsAt", time_json(w.old_ends_ms > c.e.h.now_ms() ? w.old_ends_ms : 0)},
          {"createdAt", time_json(w.created_ms)}};
}

json delivery_json(const webhook_delivery& d) {
  return {{"eventId", event_id(d.seq)},
          {"event", d.event},
          {"status", d.state},
          {"attempts", d.attempts},
          {"httpStatus", d.status == 0 ? json(nullptr) : json(d.status)},
          {"error", d.trouble.empty() ? json(nullptr) : json(d.trouble)},
          {"firstAttemptAt", time_json(d.first_ms)},
          {"lastAttemptAt", time_json(d.last_ms)},
          {"nextAttemptAt", time_json(d.next_ms)}};
}

std::vector<std::string> read_events(fields& f) {
  auto events = f.texts("events", events_max, event_bytes_max);
  for (auto& x : events)
    if (!is_event_name(x)) f.refuse("there is no event " + x.substr(0, event_bytes_max));
  if (f.any("events") != nullptr && events.empty()) f.refuse("events must name at least one, or be [\"*\"]");
  std::sort(events.begin(), events.end());
  events.erase(std::unique(events.begin(), events.end()), events.end());
  return events;
}

/// Empty when the caller chose none.
std::string read_secret(fields& f) {
  auto secret = f.text("secret", secret_bytes_max);
  auto visible = std::all_of(secret.begin(), secret.end(), [](char x) { return x > 0x20 && x < 0x7f; });
  if (f.any("secret") != nullptr && (secret.size() < secret_bytes_min || !visible))
    f.refuse("secret must be 16 to 128 visible ASCII characters");
  return secret;
}

/// Goes on when the URL may be called, now that its name is looked up; on a thread that may wait.
void judge(const call_ptr& c, const std::string& url, std::function<void()> next) {
  auto& h = c->e.h;
  auto rules = outbound_rules_of(h.settings.outbound_allow);
  auto parsed = parse_outbound_url(url, rules);
  if (auto* bad = std::get_if<failure>(&parsed)) return c->refuse(bad_webhook(bad->detail));
  auto why = std::make_shared<std::string>();
  auto until = h.steady() + limits::request_ms;  // nobody waits for it any more
  do_work look{[why, until, &h, rules, to = std::get<outbound_url>(parsed)] {
    *why = h.steady() > until ? "its host was not looked up in time" : outbound_problem(to, rules);
  }};
  auto then = [c, why, next = std::move(next)](const work_done&) {
    if (!why->empty()) return c->refuse(bad_webhook("the URL cannot be called: " + *why));
    next();
  };
  ask(c, h.actors.webhooks.get(), std::move(look), std::move(then), request_limit);
}

change change_of(webhook_step step) {
  change x;
  x.identity = std::make_shared<const identity_change>(identity_change{{std::move(step)}});
  return x;
}

template <class Next>
void with_webhook(const call_ptr& c, Next next) {
  auto read = [id = c->params["id"]](store_reader& db) { return db.identity().webhooks().find(id); };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<webhook>& w) mutable {
    if (!w || w->user_id != c->who->user_id) return c->refuse({errc::not_found, "Webhook not found", {}, {}});
    next(*w);
  });
}

void show(const call_ptr& c) {
  with_webhook(c, [c](const webhook& w) { c->reply(200, webhook_json(*c, w)); });
}

void create(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  webhook w;
  auto url = f.text("url", url_bytes_max, true);
  if (f.any("events") == nullptr) f.refuse("events is required: at least one, or [\"*\"]");
  w.events = read_events(f);
  auto secret = read_secret(f);
  if (auto bad = f.problem()) return c->refuse(bad_webhook(bad->detail));
  if (secret.empty()) secret = new_webhook_secret();
  w.id = "whk_" + random_hex(16);
  w.user_id = c->who->user_id;
  w.created_ms = c->e.h.now_ms();
  judge(c, url, [c, w, url, secret]() mutable {
    w.url = c->e.secrets->seal(url, url_context(w.id));
    w.secret = c->e.secrets->seal(secret, secret_context(w.id));
    c->subject = w.id;
    auto answer = webhook_json(*c, w);
    answer["secret"] = secret;
    commit_change(c, change_of(webhook_add{w, webhooks_max}), [c, answer] { c->reply(201, answer); });
  });
}

void list(const call_ptr& c) {
  auto read = [user = c->who->user_id](store_reader& db) { return db.identity().webhooks().list(user); };
  ask_store(c, std::move(read), [c](const std::vector<webhook>& all) {
    auto rows = json::array();
    for (auto& w : all) rows.push_back(webhook_json(*c, w));
    auto total = rows.size();
    c->reply(200, {{"webhooks", std::move(rows)}, {"total", total}});
  });
}

/// What is not said stays.
void update(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto url = f.text("url", url_bytes_max);
  auto events = read_events(f);
  auto says_active = f.any("active") != nullptr;
  auto active = f.flag("active", true);
  if (f.any("url") != nullptr && url.empty()) f.refuse("url must not be empty");
  if (url.empty() && events.empty() && !says_active) f.refuse("say at least one of url, events and active");
  if (auto bad = f.problem()) return c->refuse(bad_webhook(bad->detail));
  with_webhook(c, [=](const webhook& w) {
    webhook_set x{w.id, w.user_id, w.url, events.empty() ? w.events : events, says_active ? active : w.active};
    auto write = [c](const webhook_set& step) { commit_change(c, change_of(step), [c] { show(c); }); };
    if (url.empty()) return write(x);
    x.url = c->e.secrets->seal(url, url_context(w.id));
    judge(c, url, [write, x] { write(x); });
  });
}

void remove(const call_ptr& c) {
  with_webhook(c, [c](const webhook& w) {
    auto gone = change_of(webhook_remove{w.id, w.user_id});
    commit_change(c, std::move(gone), [c, id = w.id] { c->reply(200, {{"id", id}, {"deleted", true}}); });
  });
}

/// The old secret signs beside the new one for a day.
void rotate(const call_ptr& c) {
  auto body = optional_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto secret = read_secret(f);
  if (auto bad = f.problem()) return c->refuse(bad_webhook(bad->detail));
  if (secret.empty()) secret = new_webhook_secret();
  with_webhook(c, [c, secret](webhook w) {
    auto& v = *c->e.secrets;
    auto old = v.open(w.secret, secret_context(w.id));
    if (!old) return c->refuse({errc::internal, "its secret cannot be opened", {}, {}});
    webhook_rotate x{w.id,
                     w.user_id,
                     w.secret,
                     v.seal(secret, secret_context(w.id)),
                     v.seal(*old, "webhook_old:" + w.id),
                     c->e.h.now_ms() + overlap_ms};
    w.old_ends_ms = x.old_ends_ms;
    auto answer = webhook_json(*c, w);
    answer["secret"] = secret;
    commit_change(c, change_of(std::move(x)), [c, answer] { c->reply(200, answer); });
  });
}

void deliveries(const call_ptr& c) {
  with_webhook(c, [c](const webhook& w) {
    auto read = [id = w.id](store_reader& db) { return db.identity().webhooks().deliveries(id); };
    ask_store(c, std::move(read), [c](const std::vector<webhook_delivery>& all) {
      auto rows = json::array();
      for (auto& d : all) rows.push_back(delivery_json(d));
      auto total = rows.size();
      c->reply(200, {{"deliveries", std::move(rows)}, {"total", total}});
    });
  });
}

}  // namespace

void add_webhook_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run,
                 std::string_view act = {}) {
    rows.push_back({verb, path, access::user, doc, run});
    rows.back().act = act;
  };
  add("POST", "/api/v1/webhooks", "Have a URL told of events: {url, events, secret}", create, "webhook.create");
  add("GET", "/api/v1/webhooks", "Your webhooks", list);
  add("GET", "/api/v1/webhooks/{id}", "One of them", show);
  add("PUT", "/api/v1/webhooks/{id}", "Other words: {url, events, active}", update, "webhook.update");
  add("DELETE", "/api/v1/webhooks/{id}", "No more of it", remove, "webhook.delete");
  add("POST", "/api/v1/webhooks/{id}/rotate-secret", "A new secret; the old one signs, too, for a day", rotate,
      "webhook.rotate");
  add("GET", "/api/v1/webhooks/{id}/deliveries", "The newest 100 events and what became of them", deliveries);
}

}  // namespace troupe
