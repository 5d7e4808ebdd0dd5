// Shares (trust, reliability, use) are plain numbers, money is a decimal string.
#include "http/node_json.hpp"

#include <algorithm>

#include "model/standing.hpp"

namespace troupe {

namespace {

double share(int64_t ppm) { return static_cast<double>(ppm) / 1'000'000.0; }

std::vector<std::string> split(const std::string& text) {
  std::vector<std::string> parts;
  for (size_t at = 0; at < text.size();) {
    auto end = std::min(text.find(',', at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

json labels_json(const std::string& text) {
  auto labels = json::object();
  for (auto& l : split(text)) labels[l.substr(0, l.find('='))] = l.substr(l.find('=') + 1);
  return labels;
}

/// -1 says that nobody knows.
json known(int64_t x) { return x < 0 ? json(nullptr) : json(x); }

json gpus_json(const node_row& n) {
  auto list = json::array();
  for (size_t i = 0; i < n.devices.size(); ++i) {
    auto& g = n.devices[i];
    auto m = i < n.metrics.gpus.size() ? n.metrics.gpus[i] : gpu_metrics{};
    auto used =
        m.memory_used_mb < 0 || g.vram_mb <= 0 ? -1 : std::min<int64_t>(100, m.memory_used_mb * 100 / g.vram_mb);
    list.push_back({{"model_name", g.model},
                    {"vram_mb", g.vram_mb},
                    {"driver_version", g.driver},
                    {"power_consumption_w", known(g.power_w)},
                    {"utilization_gpu_percent", known(m.utilization_percent)},
                    {"utilization_memory_percent", known(used)},
                    {"temperature_c", known(m.temperature_c)},
                    {"power_draw_w", known(m.power_w)}});
  }
  return list;
}

json metrics_json(const node_metrics& m) {
  return {{"load_average", m.load_milli < 0 ? json(nullptr) : json(static_cast<double>(m.load_milli) / 1000.0)},
          {"memory_used_mb", known(m.memory_used_mb)},
          {"disk_free_mb", known(m.disk_free_mb)}};
}

json record_json(const node_record& x) {
  return {{"succeeded", x.succeeded}, {"failed", x.failed},     {"node_faults", x.faults},
          {"lost", x.lost},           {"rejected", x.rejected}, {"late", x.late}};
}

json parsed(const std::string& text) {
  auto value = json::parse(text, nullptr, false);
  return value.is_discarded() ? json(nullptr) : value;
}

}  // namespace

std::string_view state_word(const node_view& n, time_ms now_ms) {
  if (!is_here(n.row.state, n.row.seen_ms, now_ms)) return "offline";
  if (fleet::is_quarantined(n.record, now_ms)) return "error";
  if (n.record.maintenance) return "maintenance";
  if (n.row.draining) return "draining";
  return n.running > 0 ? "busy" : "idle";
}

json public_node_json(const node_view& v, time_ms now_ms) {
  auto& n = v.row;
  return {{"id", n.id},
          {"kind", "node"},
          {"name", n.name},
          {"owner_id", n.user_id},
          {"status", state_word(v, now_ms)},
          {"state", n.state == "online" && n.draining ? "draining" : n.state},
          {"location", n.region},
          {"region", n.region},
          {"slots", n.slots},
          {"price_per_hour", format_amount(n.rate)},
          {"gpus", gpus_json(n)},
          {"labels", labels_json(n.labels)},
          {"models", split(n.models)},
          {"trust_score", share(fleet::trust_ppm(v.record))},
          {"reliability", share(fleet::reliability_ppm(v.record))},
          {"session_epoch", n.session_epoch},
          {"registered_at", time_json(n.registered_ms)},
          {"last_seen_at", time_json(n.seen_ms)}};
}

json node_json(const node_view& v, time_ms now_ms) {
  auto& n = v.row;
  auto& x = v.record;
  auto answer = public_node_json(v, now_ms);
  auto trust = fleet::trust_ppm(x), reliability = fleet::reliability_ppm(x);
  answer["node_id"] = n.id;
  answer["state"] = state_word(v, now_ms);
  answer["last_seen"] = time_json(n.seen_ms);
  answer["capabilities"] = {{"cpu_cores", n.cpu_cores}, {"memory_mb", n.memory_mb}, {"disk_mb", n.disk_mb},
                            {"has_tpm", x.has_tpm},     {"has_tee", x.has_tee},     {"secure_boot", x.secure_boot}};
  answer["metrics"] = metrics_json(n.metrics);
  answer["running_jobs"] = v.running;
  answer["current_jobs"] = v.running;
  answer["maintenance"] = x.maintenance;
  answer["draining"] = n.draining;
  answer["attestation_type"] = x.attestation;
  answer["combined_score"] = share(int64_t{trust} * reliability / 1'000'000);
  answer["record"] = record_json(x);
  answer["quarantine"] = nullptr;
  if (fleet::is_quarantined(x, now_ms))
    answer["quarantine"] = {
        {"reason", x.why}, {"since", time_json(x.quarantined_ms)}, {"until", time_json(x.quarantined_until_ms)}};
  return answer;
}

json provider_json(const provider_row& p, const std::vector<node_view>& nodes, bool own, time_ms now_ms) {
  std::string_view status = "offline";
  time_ms seen_ms = 0;
  auto ids = json::array();
  for (auto word : {"error", "draining", "maintenance", "idle", "busy"})  // the last one found is said
    if (std::any_of(nodes.begin(), nodes.end(), [&](auto& n) { return state_word(n, now_ms) == word; })) status = word;
  for (auto& n : nodes) {
    seen_ms = std::max(seen_ms, n.row.seen_ms);
    ids.push_back(n.row.id);
  }
  json answer{{"id", p.id},
              {"kind", "provider"},
              {"owner_id", p.user_id},
              {"name", p.name},
              {"status", p.maintenance ? "maintenance" : status},
              {"location", p.location},
              {"gpus", parsed(p.gpus)},
              {"nodes", std::move(ids)},
              {"registered_at", time_json(p.registered_ms)},
              {"last_seen_at", time_json(seen_ms)}};
  if (!own) return answer;
  answer["hostname"] = p.hostname;
  answer["ip_address"] = p.ip_address;
  answer["metadata"] = parsed(p.metadata);
  return answer;
}

json node_key_json(const node_key_row& k, time_ms now_ms) {
  auto ended = k.ends_ms != 0 && k.ends_ms <= now_ms;
  auto status = k.revoked_ms != 0 ? "revoked" : ended ? "expired" : k.ends_ms != 0 ? "ending" : "active";
  return {{"key_id", k.key_id},
          {"name", k.name},
          {"status", status},
          {"created_at", time_json(k.created_ms)},
          {"expires_at", time_json(k.ends_ms)},
          {"revoked_at", time_json(k.revoked_ms)}};
}

}  // namespace troupe
