// Draining a node: no new work for it, and what still runs at the deadline goes on elsewhere.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/routes.hpp"

namespace troupe {

namespace {

constexpr int64_t deadline_seconds_default = 300;

/// The word is in the store before anybody acts on it; the node hears it now, or else with its next beat.
void commit_drain(const call_ptr& c, const std::string& node_id, time_ms until_ms) {
  change x;
  x.drains = node_drain{node_id, until_ms};
  x.audit = audit_of(*c);
  commit_changes message{{std::move(x)}};
  ask(c, c->e.h.actors.ledger.get(), std::move(message), [c, node_id, until_ms](const commit_results& done) {
    auto& result = done.results.at(0);
    if (result.why != errc::ok) return c->refuse(to_failure(result));
    tell(c->e.h.actors.nodes.get(), send_drain{node_id});
    c->reply(202, {{"id", node_id}, {"draining", until_ms > 0}, {"deadline", time_json(until_ms)}});
  });
}

/// Only its owner or an admin; for others there is no such node.
void set_drain(const call_ptr& c, bool drains) {
  int64_t seconds = deadline_seconds_default;
  if (!c->request.body.empty()) {
    auto body = parse_object(c->request.body);
    if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
    fields f{std::get<json>(body)};
    if (drains) seconds = f.integer("deadline_seconds", 0, 24 * 3600, deadline_seconds_default);
    if (auto bad = f.problem()) return c->refuse(*bad);
  }
  auto until_ms = drains ? c->e.h.now_ms() + seconds * 1000 : 0;
  ask(c, c->e.h.actors.reader(), list_nodes{}, [c, until_ms](const node_page& page) {
    auto id = c->params["id"];
    for (auto& n : page.nodes)
      if (n.id == id && (n.user_id == c->who->user_id || c->who->role == "admin")) return commit_drain(c, id, until_ms);
    c->refuse({errc::not_found, "Node not found", {}, {}});
  });
}

}  // namespace

void add_drain_routes(std::vector<route>& rows) {
  rows.push_back(
      audited("node.drain", {"POST", "/api/v1/nodes/{id}/drain", access::user,
                             "No new work for a node of yours; what runs after deadline_seconds goes on elsewhere",
                             [](const call_ptr& c) { set_drain(c, true); }}));
  rows.push_back(audited("node.undrain", {"POST", "/api/v1/nodes/{id}/undrain", access::user,
                                          "Work for that node again", [](const call_ptr& c) { set_drain(c, false); }}));
}

}  // namespace troupe
