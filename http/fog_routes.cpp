// The names that fog clients know for nodes. A node comes in by its key and beats by itself; what is asked here is
// answered from the same rows.
#include "config/node_proof.hpp"
#include "config/world.hpp"
#include "http/fleet_routes.hpp"

namespace troupe {

namespace {

json envelope(const call& c, json data, std::string message = {}) {
  return {{"success", true},
          {"data", std::move(data)},
          {"message", std::move(message)},
          {"error_code", nullptr},
          {"timestamp", iso_time(c.e.h.now_ms())},
          {"request_id", c.request.request_id}};
}

/// Gives the node its key: with it the node registers in truth.
void enroll(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  fields f{std::get<json>(body)};
  auto name = f.text("node_name", 128, true);
  f.text("operator_namespace", 256, true);
  f.text("endpoint", 512, true);
  f.text("public_key", 1024, true);
  auto region = f.text("region", 128);
  f.any("capabilities");
  f.any("attestation_data");
  auto attestation = f.text("attestation_type", 16);
  if (!attestation.empty() && !fleet::is_attestation(attestation))
    f.refuse("attestation_type must be self, mobile, tpm or tee");
  if (auto bad = f.problem()) return c->refuse(*bad);
  if (c->who->role != "provider" && c->who->role != "admin")
    return c->refuse({errc::forbidden, "register as a provider first: POST /api/v1/providers", {}, {}});
  json more{{"node_id", node_id_of(c->who->user_id, name)},
            {"node_name", name},
            {"status", "registering"},
            {"region", region.empty() ? "unknown" : region},
            {"trust_score", 0.3},
            {"attestation_type", "self"},
            {"registered_at", iso_time(c->e.h.now_ms())},
            {"message", "Start the node with this key and name; an admin confirms its attestation"}};
  give_node_key(c, {c->who->user_id, name, 0, std::move(more), {}});
}

void with_own_nodes(const call_ptr& c, std::function<void(const std::vector<node_view>&)> next) {
  auto user = c->who->role == "admin" ? std::string{} : c->who->user_id;
  ask_store(
      c, [user](store_reader& db) { return read_nodes(db, user); }, std::move(next));
}

bool is_active(const node_view& n, time_ms now_ms) { return state_word(n, now_ms) != "offline"; }

void list(const call_ptr& c) {
  with_own_nodes(c, [c](const std::vector<node_view>& nodes) {
    auto rows = json::array();
    for (auto& n : nodes) rows.push_back(node_json(n, c->e.h.now_ms()));
    auto total = rows.size();
    c->reply(200, {{"nodes", std::move(rows)}, {"total", total}});
  });
}

void capacity(const call_ptr& c) {
  with_own_nodes(c, [c](const std::vector<node_view>& nodes) {
    int64_t cores = 0, memory_mb = 0, disk_mb = 0, slots = 0, running = 0, gpus = 0, vram_mb = 0, active = 0;
    for (auto& n : nodes) {
      if (!is_active(n, c->e.h.now_ms())) continue;
      active += 1;
      cores += n.row.cpu_cores;
      memory_mb += n.row.memory_mb;
      disk_mb += n.row.disk_mb;
      slots += n.row.slots;
      running += n.running;
      for (auto& g : n.row.devices) gpus += 1, vram_mb += g.vram_mb;
    }
    c->reply(200, {{"active_nodes", active},
                   {"cpu_cores", cores},
                   {"memory_mb", memory_mb},
                   {"disk_mb", disk_mb},
                   {"slots", slots},
                   {"running_jobs", running},
                   {"gpus", gpus},
                   {"vram_mb", vram_mb}});
  });
}

void status(const call_ptr& c) {
  with_own_nodes(c, [c](const std::vector<node_view>& nodes) {
    json states{{"idle", 0}, {"busy", 0}, {"draining", 0}, {"maintenance", 0}, {"error", 0}, {"offline", 0}};
    for (auto& n : nodes) {
      auto& count = states[std::string{state_word(n, c->e.h.now_ms())}];
      count = count.get<int>() + 1;
    }
    c->reply(200, {{"total_nodes", nodes.size()}, {"states", states}, {"timestamp", iso_time(c->e.h.now_ms())}});
  });
}

void beat(const call_ptr& c) {
  with_node(c, [c](const node_view& n) {
    c->reply(200, {{"message", "Heartbeat processed"},
                   {"node_id", n.row.id},
                   {"status", state_word(n, c->e.h.now_ms())},
                   {"note", "nodes of this cluster beat by themselves"}});
  });
}

/// What everybody may see, as the AIVillage gateway tells it.
void public_list(const call_ptr& c) {
  ask_store(
      c, [](store_reader& db) { return read_nodes(db, {}); },
      [c](const std::vector<node_view>& nodes) {
        auto rows = json::array();
        auto now = c->e.h.now_ms();
        int64_t active = 0;
        for (auto& n : nodes) {
          active += is_active(n, now) ? 1 : 0;
          rows.push_back({{"node_id", n.row.id},
                          {"status", is_active(n, now) ? "active" : "offline"},
                          {"type", "worker"},
                          {"resources",
                           {{"cpu_cores", n.row.cpu_cores},
                            {"memory_gb", n.row.memory_mb / 1024},
                            {"storage_gb", n.row.disk_mb / 1024}}}});
        }
        auto total = rows.size();
        c->reply(200, envelope(*c, {{"total_nodes", total}, {"active_nodes", active}, {"nodes", std::move(rows)}}));
      });
}

}  // namespace

void add_fleet_routes(std::vector<route>& rows) {
  add_node_routes(rows);
  add_provider_routes(rows);
  add_node_key_routes(rows);
  add_fog_routes(rows);
}

void add_fog_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run,
                 std::string_view act = {}) {
    rows.push_back({verb, path, access::user, doc, run});
    rows.back().act = act;
  };
  add("GET", "/v1/fog/nodes", "The nodes and what they have", public_list);
  add("POST", "/v1/fog/admin/nodes", "A key for one more node", enroll, "node_key.create");
  add("GET", "/v1/fog/admin/nodes", "One's own nodes (an admin: all)", list);
  add("GET", "/v1/fog/admin/nodes/{id}", "One node", show_node);
  add("DELETE", "/v1/fog/admin/nodes/{id}", "Forget one that is offline", remove_node, "node.remove");
  add("POST", "/v1/fog/admin/nodes/{id}/heartbeat", "For clients that send them", beat);
  add("GET", "/v1/fog/admin/nodes/{id}/status", "One node", show_node);
  add("GET", "/v1/fog/admin/capacity", "What the nodes that are here have together", capacity);
  add("GET", "/v1/fog/admin/status", "How many nodes are in which state", status);
}

}  // namespace troupe
