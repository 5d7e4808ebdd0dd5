// Filter, then score; tenants in turn.
#include "model/placement.hpp"

#include <algorithm>
#include <cassert>

namespace troupe {

namespace {

std::string class_key(const demand& d) {
  auto key = d.gpu_type + '|' + std::to_string(d.gpu_count) + '|' + std::to_string(d.vram_mb) + '|' + d.region + '|' +
             d.model + '|' + std::to_string(d.rate_max);
  for (auto x : {int64_t{d.cpu_cores}, d.memory_mb, d.disk_mb, int64_t{d.exclusive}, int64_t{d.spread},
                 int64_t{d.min_trust_ppm}})
    key += '|' + std::to_string(x);
  for (auto& x : d.labels) key += '|' + x.key + '=' + x.value;
  return key;
}

bool wants_gpu(const demand& d) { return !d.gpu_type.empty() || d.gpu_count > 0 || d.vram_mb > 0 || d.exclusive; }

}  // namespace

void placement::put_node(node_offer offer, const std::vector<ready_job>& busy) {
  remove_node(offer.id);
  auto& n = nodes_[offer.id];
  n.offer = std::move(offer);
  for (auto& gpu : n.offer.gpus) n.free_mb.push_back(gpu.vram_mb);
  for (auto& j : busy) book(n, j.id, devices_of(n, j));
}

void placement::change_node(node_offer offer) {
  auto found = nodes_.find(offer.id);
  if (found == nodes_.end()) return;
  offer.gpus = std::move(found->second.offer.gpus);
  found->second.offer = std::move(offer);
}

void placement::remove_node(const std::string& id) {
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  for (auto& [job_id, booked] : found->second.busy) placed_.erase(job_id);
  nodes_.erase(found);
}

std::vector<std::pair<std::string, std::string>> placement::homes() const {
  std::vector<std::pair<std::string, std::string>> all;
  for (auto& [id, n] : nodes_) all.emplace_back(id, n.offer.gateway);
  return all;
}

const node_offer* placement::find_node(const std::string& id) const {
  auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : &found->second.offer;
}

bool placement::add(ready_job j) {
  if (knows(j.id)) return false;
  auto key = class_key(j.needs);
  auto& c = classes_.try_emplace(key, job_class{j.needs, {}}).first->second;
  auto& l = c.lines[j.priority];
  auto& queue = l.jobs[j.user_id];
  if (queue.empty()) l.turn.push_back(j.user_id);
  queue.push_back(j.id);
  c.waiting += 1;
  waiting_.emplace(j.id, key);
  at_.emplace(j.id, std::pair{j.user_id, j.priority});
  return true;
}

void placement::remove(const std::string& job_id) {
  auto found = waiting_.find(job_id);
  if (found == waiting_.end()) return;
  auto& [tenant, priority] = at_.at(job_id);
  auto& c = classes_.at(found->second);
  auto& l = c.lines.at(priority);
  c.waiting -= 1;
  auto& queue = l.jobs.at(tenant);
  queue.erase(std::find(queue.begin(), queue.end(), job_id));
  if (queue.empty()) {
    l.turn.erase(std::find(l.turn.begin(), l.turn.end(), tenant));
    l.jobs.erase(tenant);
  }
  at_.erase(job_id);
  waiting_.erase(found);
}

void placement::release(const std::string& node_id, const std::string& job_id) {
  auto found = nodes_.find(node_id);
  if (found == nodes_.end()) return;
  auto& n = found->second;
  auto booked = n.busy.find(job_id);
  if (booked == n.busy.end()) return;
  for (auto& x : booked->second) n.free_mb[static_cast<size_t>(x.device)] += x.vram_mb;
  n.busy.erase(booked);
  placed_.erase(job_id);
}

std::vector<placed> placement::match(size_t most) {
  std::vector<placed> result;
  std::vector<job_class*> open;
  for (auto& [key, c] : classes_) open.push_back(&c);
  // The class whose first line has the highest priority goes first; a class without a node drops out of the round.
  while (result.size() < most && !open.empty()) {
    std::erase_if(open, [](job_class* c) { return c->lines.empty(); });
    auto first = std::max_element(open.begin(), open.end(),
                                  [](auto* a, auto* b) { return a->lines.begin()->first < b->lines.begin()->first; });
    if (first == open.end()) break;
    auto* c = *first;
    auto* n = best_node(c->needs);
    std::string job_id;
    if (n == nullptr || !take_next(*c, job_id)) {
      open.erase(first);
      continue;
    }
    auto& given = book(*n, job_id, pick_devices(*n, c->needs));
    result.push_back({std::move(job_id), n->offer.id, given});
  }
  std::erase_if(classes_, [](auto& x) { return x.second.lines.empty(); });
  return result;
}

market_view placement::market() const {
  market_view view;
  for (auto& [id, n] : nodes_)
    for (size_t i = 0; i < n.offer.gpus.size(); ++i)
      view.devices.push_back({id, n.offer.gpus[i].model, n.offer.gpus[i].vram_mb, n.free_mb[i], n.free() > 0});
  for (auto& [key, c] : classes_)
    if (!c.needs.gpu_type.empty()) view.waiting[c.needs.gpu_type] += c.waiting * std::max(1, c.needs.gpu_count);
  return view;
}

int32_t placement::free_slots() const {
  int32_t sum = 0;
  for (auto& [id, n] : nodes_) sum += std::max(0, n.free());
  return sum;
}

bool placement::suits(const node& n, const demand& d) {
  auto& o = n.offer;
  if (n.free() <= 0) return false;
  if (d.rate_max > 0 && o.rate > d.rate_max) return false;
  if (!d.region.empty() && o.region != d.region) return false;
  if (!d.model.empty() && std::find(o.models.begin(), o.models.end(), d.model) == o.models.end()) return false;
  for (auto& l : d.labels)
    if (std::find(o.labels.begin(), o.labels.end(), l) == o.labels.end()) return false;
  if (d.min_trust_ppm > o.trust_ppm || o.draining) return false;
  return !wants_gpu(d) || !pick_devices(n, d).empty();
}

/// What the store says it has, as far as it is there.
std::vector<gpu_share> placement::devices_of(const node& n, const ready_job& j) {
  auto stored = parse_shares(j.devices);
  if (!stored || stored->empty()) return pick_devices(n, j.needs);
  std::erase_if(*stored, [&](const gpu_share& x) {
    auto at = static_cast<size_t>(x.device);
    return at >= n.free_mb.size() || n.free_mb[at] < x.vram_mb;
  });
  return *stored;
}

/// Best fit: the devices with the least room that is still enough. No VRAM asked for means the whole device.
std::vector<gpu_share> placement::pick_devices(const node& n, const demand& d) {
  if (!wants_gpu(d)) return {};
  std::vector<std::pair<int64_t, size_t>> fitting;
  for (size_t i = 0; i < n.offer.gpus.size(); ++i) {
    auto& gpu = n.offer.gpus[i];
    auto whole = d.vram_mb == 0 || d.exclusive;
    if (!d.gpu_type.empty() && gpu.model != d.gpu_type) continue;
    if (n.free_mb[i] < d.vram_mb || (whole && n.free_mb[i] != gpu.vram_mb)) continue;
    fitting.emplace_back(n.free_mb[i], i);
  }
  auto wanted = static_cast<size_t>(std::max(1, d.gpu_count));
  if (fitting.size() < wanted) return {};
  std::sort(fitting.begin(), fitting.end());
  std::vector<gpu_share> picked;
  for (size_t k = 0; k < wanted; ++k) {
    auto [free_mb, i] = fitting[k];
    picked.push_back({static_cast<int32_t>(i), d.vram_mb == 0 || d.exclusive ? free_mb : d.vram_mb});
  }
  return picked;
}

/// The least loaded of the cheapest: price decides only between nodes that differ in it.
placement::node* placement::best_node(const demand& d) {
  node* best = nullptr;
  for (auto& [id, n] : nodes_) {
    if (!suits(n, d)) continue;
    if (best == nullptr) {
      best = &n;
      continue;
    }
    auto left = static_cast<int64_t>(n.free()) * best->offer.slots;
    auto right = static_cast<int64_t>(best->free()) * n.offer.slots;
    if (n.offer.rate < best->offer.rate || (n.offer.rate == best->offer.rate && left > right)) best = &n;
  }
  return best;
}

bool placement::take_next(job_class& c, std::string& job_id) {
  while (!c.lines.empty()) {
    auto& l = c.lines.begin()->second;
    if (l.turn.empty()) {
      c.lines.erase(c.lines.begin());
      continue;
    }
    auto tenant = std::move(l.turn.front());
    l.turn.pop_front();
    auto& queue = l.jobs.at(tenant);
    job_id = std::move(queue.front());
    queue.pop_front();
    c.waiting -= 1;
    if (queue.empty()) {
      l.jobs.erase(tenant);
      if (l.turn.empty()) c.lines.erase(c.lines.begin());
    } else {
      l.turn.push_back(std::move(tenant));
    }
    waiting_.erase(job_id);
    at_.erase(job_id);
    return true;
  }
  return false;
}

const std::vector<gpu_share>& placement::book(node& n, const std::string& job_id, std::vector<gpu_share> given) {
  for (auto& x : given) n.free_mb[static_cast<size_t>(x.device)] -= x.vram_mb;
  placed_[job_id] = n.offer.id;
  return n.busy.insert_or_assign(job_id, std::move(given)).first->second;
}

}  // namespace troupe
