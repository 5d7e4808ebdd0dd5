// Health.
#include "config/world.hpp"
#include "http/routes.hpp"

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

}  // namespace

void add_system_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/health", access::open, "Health with details", health});
  rows.push_back({"GET", "/health/ready", access::open, "Whether writes are taken", health});
  rows.push_back({"GET", "/health/live", access::open, "Whether the process answers", live});
}

}  // namespace troupe
