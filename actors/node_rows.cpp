// A join as rows.
#include "actors/node_rows.hpp"

#include <algorithm>

#include "config/node_proof.hpp"
#include "model/limits.hpp"

namespace troupe {

namespace {

std::string join_texts(const std::vector<std::string>& parts) {
  std::string all;
  for (auto& x : parts) all += (all.empty() ? "" : ",") + x;
  return all;
}

}  // namespace

node_row row_of(const join_node& ask, const node_key_row& key, const std::string& gateway, time_ms now_ms) {
  std::vector<std::string> gpus, labels;
  for (auto& g : ask.gpus) gpus.push_back(g.model + ":" + std::to_string(g.vram_mb));
  for (auto& l : ask.labels) labels.push_back(l.key + "=" + l.value);
  node_row row;
  row.id = node_id_of(key.user_id, ask.name);
  row.name = ask.name;
  row.user_id = key.user_id;
  row.region = ask.region;
  row.state = "online";
  row.instance = ask.instance;
  row.lease_until_ms = now_ms + limits::lease_ttl_ms;
  row.slots = ask.slots;
  row.rate = ask.rate;
  row.gpus = join_texts(gpus);
  row.labels = join_texts(labels);
  row.models = join_texts(ask.models);
  row.registered_ms = row.seen_ms = now_ms;
  row.cpu_cores = ask.cpu_cores;
  row.memory_mb = ask.memory_mb;
  row.disk_mb = ask.disk_mb;
  row.devices = ask.gpus;
  row.draining = ask.draining;
  row.gateway = gateway;
  return row;
}

node_offer offer_of(const node_row& row, const join_node& ask, int64_t session) {
  return {row.id,        row.user_id,         row.region,   session,       row.slots,     row.rate,
          ask.gpus,      ask.labels,          ask.models,   row.cpu_cores, row.memory_mb, row.disk_mb,
          row.trust_ppm, row.reliability_ppm, row.draining, row.gateway};
}

reconciled reconcile(std::vector<lease_ref> holding, const std::vector<job_brief>& granted) {
  reconciled r;
  std::sort(holding.begin(), holding.end());
  for (auto& j : granted) {
    lease_ref lease{j.id, j.lease_epoch};
    auto held = std::lower_bound(holding.begin(), holding.end(), lease);
    if (held == holding.end() || *held != lease) {
      r.lost.push_back(lease);
      continue;
    }
    r.keep.push_back(lease);
    r.busy.push_back(j);
  }
  std::sort(r.keep.begin(), r.keep.end());
  for (auto& x : holding)
    if (!std::binary_search(r.keep.begin(), r.keep.end(), x)) r.stop.push_back(x);
  return r;
}

}  // namespace troupe
