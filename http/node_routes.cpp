// Nodes: what they have, how they fare, what their owner sets of them.
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/fleet_routes.hpp"

namespace troupe {

namespace {

void list(const call_ptr& c) {
  auto user = c->who->role == "admin" ? std::string{} : c->who->user_id;
  ask_store(
      c, [user](store_reader& db) { return read_nodes(db, user); },
      [c](const std::vector<node_view>& found) {
        auto wanted = query_value(c->request.query, "state");
        auto rows = json::array();
        auto now = c->e.h.now_ms();
        for (auto& n : found)
          if (wanted.empty() || wanted == state_word(n, now)) rows.push_back(node_json(n, now));
        auto total = rows.size();
        c->reply(200, {{"nodes", std::move(rows)}, {"total", total}});
      });
}

std::string labels_text(const std::vector<label>& labels) {
  std::string text;
  for (auto& l : labels) text += (text.empty() ? "" : ",") + l.key + "=" + l.value;
  return text;
}

/// Answers with the node as it is now.
void set_terms(const call_ptr& c, node_terms t) {
  t.at_ms = c->e.h.now_ms();
  change x;
  x.terms = std::move(t);
  commit_change(c, std::move(x), [c] {
    with_node(c, [c](const node_view& n) {
      if (auto nodes = c->e.h.actors.nodes.get()) tell(nodes, records_changed{{n.record}});
      c->reply(200, node_json(n, c->e.h.now_ms()));
    });
  });
}

void reinstate(const call_ptr& c) {
  with_node(c, [c](const node_view& n) {
    node_terms t;
    t.node_id = n.row.id;
    t.reinstates = true;
    set_terms(c, std::move(t));
  });
}

/// What somebody vouches for who has seen the machine. Nodes themselves are not asked.
void set_trust(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto& object = std::get<json>(body);
  fields f{object};
  node_terms t;
  auto attestation = f.text("attestation_type", 16);
  if (!attestation.empty()) t.attestation = attestation;
  if (t.attestation && !fleet::is_attestation(*t.attestation))
    f.refuse("attestation_type must be self, mobile, tpm or tee");
  auto flag = [&](const char* name, std::optional<bool>& to) {
    auto value = f.flag(name, false);
    if (object.contains(name)) to = value;
  };
  flag("has_tpm", t.has_tpm);
  flag("has_tee", t.has_tee);
  flag("secure_boot", t.secure_boot);
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_node(c, [c, t = std::move(t)](const node_view& n) mutable {
    t.node_id = n.row.id;
    set_terms(c, std::move(t));
  });
}

}  // namespace

std::vector<node_view> read_nodes(store_reader& db, const std::string& user_id) {
  std::vector<node_view> list;
  auto records = db.nodes().records();
  auto running = db.nodes().running();
  for (auto& n : db.list_nodes()) {
    if (!user_id.empty() && n.user_id != user_id) continue;
    node_view v{n, {}, 0};
    if (auto found = records.find(n.id); found != records.end()) v.record = found->second;
    if (auto found = running.find(n.id); found != running.end()) v.running = found->second;
    list.push_back(std::move(v));
  }
  return list;
}

void with_node(const call_ptr& c, std::function<void(const node_view&)> next) {
  auto read = [id = c->params["id"]](store_reader& db) { return db.nodes().find(id); };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<known_node>& found) {
    auto theirs = found && found->row.user_id != c->who->user_id && c->who->role != "admin";
    if (!found || theirs) return c->refuse({errc::not_found, "Node not found", {}, {}});
    next({found->row, found->record, found->running});
  });
}

void commit_change(const call_ptr& c, change x, std::function<void()> next) {
  if (!x.audit) x.audit = audit_of(*c);
  commit_changes message{{std::move(x)}};
  ask(c, c->e.h.actors.ledger.get(), std::move(message), [c, next = std::move(next)](const commit_results& done) {
    auto& result = done.results.at(0);
    if (result.why != errc::ok) return c->refuse(to_failure(result));
    next();
  });
}

void show_node(const call_ptr& c) {
  with_node(c, [c](const node_view& n) { c->reply(200, node_json(n, c->e.h.now_ms())); });
}

void update_node(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto& object = std::get<json>(body);
  fields f{object};
  node_terms t;
  auto rate = f.money("price_per_hour");
  if (object.contains("price_per_hour")) t.rate = rate.value_or(-1);
  auto labels = f.labels("labels", limits::labels_max);
  if (object.contains("labels")) t.labels = labels_text(labels);
  auto maintenance = f.flag("maintenance", false);
  if (object.contains("maintenance")) t.maintenance = maintenance;
  if (!t.rate && !t.labels && !t.maintenance) f.refuse("price_per_hour, labels or maintenance is needed");
  if (auto bad = f.problem()) return c->refuse(*bad);
  with_node(c, [c, t = std::move(t)](const node_view& n) mutable {
    t.node_id = n.row.id;
    set_terms(c, std::move(t));
  });
}

void remove_node(const call_ptr& c) {
  with_node(c, [c](const node_view& n) {
    change x;
    x.terms = node_terms{};
    x.terms->node_id = n.row.id;
    x.terms->removes = true;
    x.terms->at_ms = c->e.h.now_ms();
    commit_change(c, std::move(x), [c, id = n.row.id] {
      c->reply(200, {{"id", id}, {"node_id", id}, {"status", "decommissioned"}});
    });
  });
}

void add_node_routes(std::vector<route>& rows) {
  rows.push_back({"GET", "/api/v1/nodes", access::user, "One's own nodes (an admin: all): ?state=", list});
  rows.push_back({"GET", "/api/v1/nodes/{id}", access::user, "One node: what it has and how it fares", show_node});
  rows.push_back(audited(
      "node.update", {"PUT", "/api/v1/nodes/{id}", access::user, "Set its price, labels or maintenance", update_node}));
  rows.push_back(audited("node.remove",
                         {"DELETE", "/api/v1/nodes/{id}", access::user, "Forget one that is offline", remove_node}));
  rows.push_back(audited("node.reinstate",
                         {"POST", "/api/v1/nodes/{id}/reinstate", access::admin, "End its quarantine", reinstate}));
  rows.push_back(
      audited("node.trust", {"PUT", "/api/admin/nodes/{id}/trust", access::admin, "What is vouched for", set_trust}));
}

}  // namespace troupe
