// The class whose turn it is gets the best node; a class without one is left out until a node has more room.
#include "model/placement.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr size_t remembered_tenants_max = 100'000;
constexpr size_t freed_max = 64;  // above so many the search in the index is cheaper
constexpr size_t looks_more = 8;  // searches in vain that one match may make

}  // namespace

void placement::book(booked_node& n, const std::string& job_id, booking b) {
  auto user_id = b.user_id;
  placed_[job_id] = n.offer.id;
  nodes_.book(n, job_id, std::move(b));
  queue_.running(user_id, 1, now_ms_);
}

void placement::put_node(node_offer offer, const std::vector<ready_job>& busy) {
  remove_node(offer.id);
  auto& n = nodes_.put(std::move(offer));
  for (auto& j : busy) {
    if (auto at = node_of(j.id); !at.empty()) release(at, j.id);  // the node knows better where it is
    queue_.remove(j.id);
    book(n, j.id, node_index::booking_of(n, j.user_id, j.needs, j.devices));
  }
  freed_.insert(n.number);
}

bool placement::adopt(const std::string& node_id, const ready_job& j) {
  auto* n = nodes_.find(node_id);
  if (n == nullptr || knows(j.id)) return false;
  book(*n, j.id, node_index::booking_of(*n, j.user_id, j.needs, j.devices));
  return true;
}

void placement::change_node(node_offer offer) {
  auto* n = nodes_.find(offer.id);
  if (n == nullptr) return;
  nodes_.change(*n, std::move(offer));
  freed_.insert(n->number);
  node_gone_ = true;  // for what it no longer can do
}

void placement::remove_node(const std::string& id) {
  auto* n = nodes_.find(id);
  if (n == nullptr) return;
  for (auto& [job_id, booked] : n->busy) {
    placed_.erase(job_id);
    queue_.running(booked.user_id, -1, now_ms_);
  }
  freed_.erase(n->number);
  nodes_.remove(id);
  node_gone_ = true;
}

std::vector<std::pair<std::string, std::string>> placement::homes() const {
  std::vector<std::pair<std::string, std::string>> all;
  nodes_.each([&](const booked_node& n) { all.emplace_back(n.offer.id, n.offer.gateway); });
  return all;
}

const node_offer* placement::find_node(const std::string& id) const {
  auto* n = nodes_.find(id);
  return n == nullptr ? nullptr : &n->offer;
}

std::string placement::node_of(const std::string& job_id) const {
  auto found = placed_.find(job_id);
  return found == placed_.end() ? std::string{} : found->second;
}

bool placement::add(ready_job j, time_ms now_ms, const std::string& came_from) {
  now_ms_ = std::max(now_ms_, now_ms);
  if (knows(j.id)) return false;
  auto known = avoided_.find(j.id);
  if (known != avoided_.end() || !came_from.empty()) {
    auto& nodes = known != avoided_.end() ? known->second : avoided_[j.id];
    std::erase_if(nodes, [&](auto& x) { return x.second <= now_ms_ || x.first == came_from; });
    if (!came_from.empty()) nodes.emplace_back(came_from, now_ms_ + avoid_ms);
    for (auto& [id, until] : nodes) {
      j.avoid.push_back(id);
      avoids_.insert({until, j.id});
    }
    std::sort(j.avoid.begin(), j.avoid.end());
    if (nodes.empty()) avoided_.erase(j.id);
  }
  queue_.add(std::move(j), now_ms_);
  return true;
}

/// A minute is over: the job may go where it came from.
void placement::end_avoiding(time_ms now_ms) {
  while (!avoids_.empty() && avoids_.begin()->first <= now_ms) {
    auto job_id = avoids_.begin()->second;
    avoids_.erase(avoids_.begin());
    auto found = avoided_.find(job_id);
    if (found == avoided_.end()) continue;
    std::erase_if(found->second, [&](auto& x) { return x.second <= now_ms; });
    if (found->second.empty()) avoided_.erase(found);
    ready_job j;
    if (!queue_.remove(job_id, &j)) continue;
    j.avoid.clear();
    add(std::move(j), now_ms);
  }
}

void placement::remove(const std::string& job_id) {
  queue_.remove(job_id);
  avoided_.erase(job_id);
}

void placement::release(const std::string& node_id, const std::string& job_id) {
  auto* n = nodes_.find(node_id);
  booking was;
  if (n == nullptr || !nodes_.release(*n, job_id, was)) return;
  placed_.erase(job_id);
  queue_.running(was.user_id, -1, now_ms_);
  freed_.insert(n->number);
}

/// Of the classes for which no node had room, the one whose turn is first and which this node fits now.
ready_queue::job_class* placement::first_waiting_for(const booked_node& n) const {
  auto most_mb = n.free_mb.empty() ? 0 : *std::max_element(n.free_mb.begin(), n.free_mb.end());
  room most{most_mb, n.free_memory_mb, n.offer.rate, n.free_cores, n.offer.trust_ppm};
  ready_queue::job_class* first = nullptr;
  auto look = [&](const std::string& anchor) {
    queue_.each_blocked(anchor, most, [&](ready_queue::job_class& c) {
      if (first != nullptr && !ready_queue::is_before(c, *first)) return;
      if (fits(n, c.needs)) first = &c;
    });
  };
  look("any");
  look("region " + n.offer.region);
  for (auto& l : n.offer.labels) look("label " + l.key + '=' + l.value);
  for (auto& m : n.offer.models) look("model " + m);
  std::set<std::string> gpus;
  for (auto& g : n.offer.gpus)
    if (gpus.insert(g.model).second) look("gpu " + g.model);
  return first;
}

/// The same for all nodes with more room than before; those that nobody waits for are let go.
ready_queue::job_class* placement::first_waiting(int64_t& looks) {
  while (!freed_.empty() && looks-- > 0) {
    auto* n = nodes_.find(*freed_.begin());
    auto* c = n != nullptr && n->listed ? first_waiting_for(*n) : nullptr;
    if (c != nullptr) return c;
    freed_.erase(freed_.begin());
  }
  return nullptr;
}

std::vector<placed> placement::match(size_t most, time_ms now_ms) {
  now_ms_ = std::max(now_ms_, now_ms);
  std::vector<placed> result;
  end_avoiding(now_ms_);
  if (!freed_.empty() || node_gone_) queue_.unblock_avoiding();
  node_gone_ = false;
  auto looks = static_cast<int64_t>(most + looks_more);
  auto* waiting = first_waiting(looks);
  while (result.size() < most && looks > 0) {
    auto* c = queue_.first(now_ms_);
    auto anywhere = c != nullptr && (waiting == nullptr || ready_queue::is_before(*c, *waiting));
    if (!anywhere) c = waiting;
    if (c == nullptr) {
      unfinished_ = !freed_.empty();
      return result;
    }
    auto last = last_node_.find(queue_.first_tenant(*c));
    auto where = last == last_node_.end() ? std::string{} : last->second;
    auto found = anywhere || freed_.size() > freed_max ? nodes_.best(c->needs, c->avoid, where)
                                                       : nodes_.best_of(freed_, c->needs, where);
    if (found.at == nullptr) {
      queue_.block(*c);
      --looks;
      continue;
    }
    result.push_back(give(*c, std::move(found)));
    waiting = first_waiting(looks);
  }
  unfinished_ = true;
  return result;
}

placed placement::give(ready_queue::job_class& c, choice found) {
  auto j = queue_.pop(c, now_ms_);
  if (last_node_.size() >= remembered_tenants_max) last_node_.clear();
  last_node_[j.user_id] = found.at->offer.id;
  book(*found.at, j.id, {j.user_id, found.devices, j.needs.cpu_cores, j.needs.memory_mb, j.needs.disk_mb});
  return {std::move(j.id), found.at->offer.id, std::move(found.devices)};
}

market_view placement::market() const {
  market_view view;
  view.devices = nodes_.devices();
  queue_.each_class([&](const ready_queue::job_class& c) {
    if (!c.needs.gpu_type.empty()) view.waiting[c.needs.gpu_type] += c.waiting * std::max(1, c.needs.gpu_count);
  });
  return view;
}

}  // namespace troupe
