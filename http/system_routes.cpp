// Health, and what an admin sets.
#include "config/world.hpp"
#include "http/routes.hpp"
#include "model/tiers.hpp"

namespace troupe {

namespace {

void live(const call_ptr& c) { c->reply(200, {{"status", "alive"}, {"timestamp", iso_time(c->e.h.now_ms())}}); }

json health_json(const edge& e, const ledger_health& h) {
  auto status = h.degraded ? "degraded" : "healthy";
  return {{"status", status},
          {"timestamp", iso_time(e.h.now_ms())},
          {"version", TROUPE_VERSION},
          {"uptime", (e.h.steady() - e.started_ms) / 1000},
          {"backend_status", status},
          {"services", {{"database", {{"status", h.degraded ? "error" : "running"}, {"commits", h.commits}}}}},
          {"blockchain", {{"connected", false}}},
          {"redis", false}};
}

void health(const call_ptr& c) {
  exchange(c->e.h, c->e.h.actors.ledger.get(), get_health{}, std::chrono::milliseconds{1000},
           [c](outcome<ledger_health> answer) {
             auto bad = std::get_if<failure>(&answer);
             auto h = bad == nullptr ? std::get<ledger_health>(answer) : ledger_health{true, bad->detail, 0, 0};
             c->reply(h.degraded ? 503 : 200, health_json(c->e, h));
           });
}

void set_tier(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto tier = f.text("tier", 32, true);
  if (!known_tier(tier)) f.refuse("tier must be free, standard, pro, enterprise or unlimited");
  if (auto bad = f.problem()) return c->refuse(*bad);
  auto id = c->params["id"];
  ask(c, c->e.h.actors.reader(), find_user{id}, [c, id, tier](const user_row& user) {
    change x;
    x.tier = tier_update{id, tier};
    commit_changes message{{std::move(x)}};
    ask(c, c->e.h.actors.ledger.get(), std::move(message), [c, user, tier](const commit_results& done) {
      auto& result = done.results.at(0);
      if (result.why != errc::ok) return c->refuse(to_failure(result));
      forget(*c, user.id);
      c->reply(200, {{"id", user.id}, {"email", user.email}, {"role", user.role}, {"tier", tier}});
    });
  });
}

}  // namespace

void add_system_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/health", access::open, "Health with details", health});
  rows.push_back({"GET", "/health/ready", access::open, "Whether writes are taken", health});
  rows.push_back({"GET", "/health/live", access::open, "Whether the process answers", live});
  rows.push_back({"PUT", "/api/admin/users/{id}", access::admin, "Set a user's tier", set_tier});
}

}  // namespace troupe
