// Providers: users who bring machines. Nodes are listed beside them, for whoever looks for one.
#include "config/certificates.hpp"
#include "config/world.hpp"
#include "http/audit.hpp"
#include "http/fleet_routes.hpp"

namespace troupe {

namespace {

constexpr size_t text_bytes_max = 256;
constexpr size_t json_bytes_max = 16 * 1024;

/// A JSON value kept as it was told.
std::string kept(fields& f, std::string_view name, bool is_list) {
  auto* value = f.any(name);
  if (value == nullptr || value->is_null()) return is_list ? "[]" : "{}";
  auto text = value->dump(-1, ' ', false, json::error_handler_t::replace);
  auto good = is_list ? value->is_array() : value->is_object();
  if (!good || text.size() > json_bytes_max)
    f.refuse(std::string{name} + (is_list ? " must be a list" : " must be an object") + " of at most 16 KiB");
  return text;
}

/// `sets_maintenance`: the status was told.
provider_row read_provider(fields& f, const json& object, provider_row p, bool is_new, bool& sets_maintenance) {
  auto text = [&](std::string_view name, std::string& to, bool required = false) {
    auto value = f.text(name, text_bytes_max, required);
    if (object.contains(name)) to = value;
  };
  text("name", p.name, is_new);
  text("hostname", p.hostname);
  text("ip_address", p.ip_address);
  text("location", p.location);
  if (!p.hostname.empty() && !is_host_name(p.hostname)) f.refuse("hostname is neither a host's name nor an IP address");
  if (!p.ip_address.empty() && !is_host_name(p.ip_address)) f.refuse("ip_address is no IP address");
  auto gpus = kept(f, "gpus", true);
  if (is_new || object.contains("gpus")) p.gpus = gpus;
  auto metadata = kept(f, "metadata", false);
  if (is_new || object.contains("metadata")) p.metadata = metadata;
  auto status = f.text("status", 16);
  sets_maintenance = !status.empty();
  if (sets_maintenance) p.maintenance = status == "maintenance";
  if (sets_maintenance && status != "maintenance" && status != "idle")
    f.refuse("status can be set to maintenance, or back to idle; the rest follows from the nodes");
  if (!is_new && p.name.empty()) f.refuse("name must not be empty");
  return p;
}

void answer_provider(const call_ptr& c, int status, const provider_row& p) {
  ask_store(
      c, [user = p.user_id](store_reader& db) { return read_nodes(db, user); },
      [c, status, p](const std::vector<node_view>& nodes) {
        c->reply(status, provider_json(p, nodes, true, c->e.h.now_ms()));
      });
}

void enroll(const call_ptr& c) {
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  auto& object = std::get<json>(body);
  fields f{object};
  auto owner = f.text("owner_id", 64);
  auto ignored = false;
  auto p = read_provider(f, object, {}, true, ignored);
  if (auto bad = f.problem()) return c->refuse(*bad);
  p.id = new_id("prov");
  p.user_id = owner.empty() ? c->who->user_id : owner;
  if (p.user_id != c->who->user_id && c->who->role != "admin")
    return c->refuse({errc::forbidden, "only an admin makes somebody else a provider", {}, {}});
  p.registered_ms = p.changed_ms = c->e.h.now_ms();
  ask(c, c->e.h.actors.reader(), find_user{p.user_id}, [c, p](const user_row&) {
    change x;
    x.provider = provider_write{p, false};
    x.audit = audit_of(*c, p.id, {{"user_id", p.user_id}});
    commit_change(c, std::move(x), [c, p] {
      forget(*c, p.user_id);  // the role changed
      answer_provider(c, 201, p);
    });
  });
}

bool fits(const call& c, const json& shown) {
  auto& q = c.request.query;
  auto status = query_value(q, "status"), gpu = query_value(q, "gpu_model"), region = query_value(q, "region");
  if (!status.empty() && shown["status"] != status) return false;
  if (!region.empty() && shown["location"] != region) return false;
  if (query_value(q, "healthy_only") == "true" && (shown["status"] == "offline" || shown["status"] == "error"))
    return false;
  auto least = query_integer(q, "min_vram", 0, 1LL << 40, 0).value_or(0);
  if (gpu.empty() && least == 0) return true;
  for (auto& g : shown["gpus"])
    if (g.is_object() && (gpu.empty() || g.value("model_name", json(nullptr)) == gpu)) {
      auto vram = g.value("vram_mb", json(0));
      if (vram.is_number_integer() && vram.get<int64_t>() >= least) return true;
    }
  return false;
}

struct listed {
  std::vector<node_view> nodes;
  std::vector<provider_row> providers;
};

void list(const call_ptr& c) {
  if (!query_integer(c->request.query, "min_vram", 0, 1LL << 40, 0))
    return c->refuse({errc::invalid, "min_vram must be a whole number of MB", {}, {}});
  ask_store(
      c,
      [](store_reader& db) {
        return listed{read_nodes(db, {}), db.nodes().providers()};
      },
      [c](const listed& all) {
        auto rows = json::array();
        auto now = c->e.h.now_ms();
        auto add = [&](json shown) {
          if (fits(*c, shown)) rows.push_back(std::move(shown));
        };
        for (auto& n : all.nodes) add(public_node_json(n, now));
        for (auto& p : all.providers) {
          std::vector<node_view> own;
          for (auto& n : all.nodes)
            if (n.row.user_id == p.user_id) own.push_back(n);
          add(provider_json(p, own, p.user_id == c->who->user_id || c->who->role == "admin", now));
        }
        auto total = rows.size();
        c->reply(200, {{"providers", std::move(rows)}, {"total", total}});
      });
}

bool names_node(const call_ptr& c) { return c->params["id"].starts_with("node_"); }

void show(const call_ptr& c) {
  if (!names_node(c)) return with_provider(c, [c](const provider_row& p) { answer_provider(c, 200, p); });
  auto read = [id = c->params["id"]](store_reader& db) { return db.nodes().find(id); };
  ask_store(c, std::move(read), [c](const std::optional<known_node>& n) {
    if (!n) return c->refuse({errc::not_found, "Provider not found", {}, {}});
    c->reply(200, public_node_json({n->row, n->record, n->running}, c->e.h.now_ms()));
  });
}

void update(const call_ptr& c) {
  if (names_node(c)) return update_node(c);
  auto body = parse_object(c->request.body);
  if (auto bad = std::get_if<failure>(&body)) return c->refuse(*bad);
  with_provider(c, [c, object = std::get<json>(body)](const provider_row& old) {
    fields f{object};
    auto sets = false;
    auto p = read_provider(f, object, old, false, sets);
    if (auto bad = f.problem()) return c->refuse(*bad);
    p.changed_ms = c->e.h.now_ms();
    change x;
    x.provider = provider_write{p, false, sets};
    commit_change(c, std::move(x), [c, p] { answer_provider(c, 200, p); });
  });
}

void remove(const call_ptr& c) {
  if (names_node(c)) return remove_node(c);
  with_provider(c, [c](const provider_row& p) {
    change x;
    x.provider = provider_write{p, true};
    x.provider->row.changed_ms = c->e.h.now_ms();
    commit_change(c, std::move(x), [c, p] {
      forget(*c, p.user_id);
      c->reply(200, {{"id", p.id}, {"status", "removed"}, {"message", "Its node keys have ended"}});
    });
  });
}

void beat(const call_ptr& c) {
  auto answer = [c] {
    c->reply(200, {{"message", "Heartbeat processed"}, {"note", "nodes of this cluster beat by themselves"}});
  };
  if (names_node(c)) return with_node(c, [answer](const node_view&) { answer(); });
  with_provider(c, [answer](const provider_row&) { answer(); });
}

}  // namespace

void with_provider(const call_ptr& c, std::function<void(const provider_row&)> next) {
  auto id = c->params["id"];
  if (id == "me") id = c->who->user_id;
  auto read = [id](store_reader& db) { return db.nodes().find_provider(id); };
  ask_store(c, std::move(read), [c, next = std::move(next)](const std::optional<provider_row>& p) {
    auto theirs = p && p->user_id != c->who->user_id && c->who->role != "admin";
    if (!p || theirs) return c->refuse({errc::not_found, "Provider not found", {}, {}});
    next(*p);
  });
}

void add_provider_routes(std::vector<route>& rows) {
  auto add = [&](std::string_view verb, std::string_view path, std::string_view doc, auto run,
                 std::string_view act = {}) {
    rows.push_back({verb, path, access::user, doc, run});
    rows.back().act = act;
  };
  add("GET", "/api/v1/providers", "Nodes and providers: ?status=&gpu_model=&min_vram=&region=&healthy_only=", list);
  add("POST", "/api/v1/providers", "Become a provider", enroll, "provider.create");
  add("GET", "/api/v1/providers/{id}", "A node, or one's own provider", show);
  add("PUT", "/api/v1/providers/{id}", "Change it", update, "provider.update");
  add("DELETE", "/api/v1/providers/{id}", "End it and its node keys", remove, "provider.remove");
  add("PATCH", "/api/v1/providers/{id}/status", "Into maintenance and back", update, "provider.update");
  add("POST", "/api/v1/providers/{id}/heartbeat", "For clients that send them", beat);
}

}  // namespace troupe
