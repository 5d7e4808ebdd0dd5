// Ordered sets of free devices and free nodes; every change of a node moves only what it touches.
#include "model/node_index.hpp"

#include <algorithm>
#include <cassert>
#include <functional>

namespace troupe {

namespace {

constexpr size_t scan_max = 512;  // so few nodes are looked at one by one
constexpr int ties_max = 16;      // equally good idle devices of which `spread` takes the one on the idlest node

bool listable(const booked_node& n) { return n.free_slots() > 0 && !n.offer.draining; }

template <class T, class X>
bool holds(const std::vector<T>& all, const X& x) {
  return std::find(all.begin(), all.end(), x) != all.end();
}

}  // namespace

/// The best node so far.
struct node_index::search {
  const demand& needs;
  const std::vector<std::string> avoid;
  const std::string& last;

  struct cost {
    int32_t tier = 0;
    int64_t left_mb = 0;
    amount rate = 0;
    int32_t doubt = 0, load = 0;
    bool elsewhere = false;  // than where the tenant was
    uint64_t number = 0;
    auto operator<=>(const cost&) const = default;
  };
  cost least;
  booked_node* best = nullptr;
  std::vector<seating> seats;

  /// True when the node would do.
  bool consider(booked_node& n) {
    if (!n.listed || !is_right(n.offer, needs) || !has_room(n, needs)) return false;
    if (!avoid.empty() && holds(avoid, n.offer.id)) return false;
    auto gpu = wants_gpu(needs);
    auto found = gpu ? seatings(n, needs) : std::vector<seating>{};
    if (gpu && found.empty()) return false;
    cost c{0, 0, n.offer.rate, doubt_of(n.offer), 0, n.offer.id != last, n.number};
    if (!gpu || needs.spread) c.load = load_of(n);
    for (auto& x : found) {
      c.tier = std::max(c.tier, x.tier);
      c.left_mb += x.left_mb;
    }
    if (best != nullptr && least <= c) return true;
    least = c;
    best = &n;
    seats = std::move(found);
    return true;
  }
};

// --- nodes come and go ------------------------------------------------------------------------

booked_node& node_index::put(node_offer offer) {
  auto& place = nodes_[offer.id];
  assert(!place);
  place = std::make_unique<booked_node>();
  auto& n = *place;
  n.offer = std::move(offer);
  n.number = next_number_++;
  numbered_[n.number] = &n;
  for (auto& gpu : n.offer.gpus) n.free_mb.push_back(gpu.vram_mb);
  n.free_cores = n.offer.cpu_cores;
  n.free_memory_mb = n.offer.memory_mb;
  n.free_disk_mb = n.offer.disk_mb;
  post(n, true);
  list(n);
  return n;
}

void node_index::change(booked_node& n, node_offer offer) {
  unlist(n);
  post(n, false);
  n.free_cores += offer.cpu_cores - n.offer.cpu_cores;
  n.free_memory_mb += offer.memory_mb - n.offer.memory_mb;
  n.free_disk_mb += offer.disk_mb - n.offer.disk_mb;
  offer.gpus = std::move(n.offer.gpus);
  n.offer = std::move(offer);
  post(n, true);
  list(n);
}

void node_index::remove(const std::string& id) {
  auto found = nodes_.find(id);
  if (found == nodes_.end()) return;
  unlist(*found->second);
  post(*found->second, false);
  numbered_.erase(found->second->number);
  nodes_.erase(found);
}

booked_node* node_index::find(const std::string& id) {
  auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

const booked_node* node_index::find(const std::string& id) const {
  auto found = nodes_.find(id);
  return found == nodes_.end() ? nullptr : found->second.get();
}

booked_node* node_index::find(uint64_t number) {
  auto found = numbered_.find(number);
  return found == numbered_.end() ? nullptr : found->second;
}

node_index::seat node_index::seat_of(booked_node& n) {
  return {n.offer.rate, doubt_of(n.offer), load_of(n), n.number, &n};
}

void node_index::shelve(booked_node& n, size_t device, bool add) {
  auto free_mb = n.free_mb[device];
  if (free_mb == 0) return;
  auto& gpu = n.offer.gpus[device];
  auto same = std::count_if(n.offer.gpus.begin(), n.offer.gpus.end(), [&](auto& g) { return g.model == gpu.model; });
  auto& s = shelves_[{gpu.model, static_cast<int32_t>(same)}];
  auto& row = free_mb == gpu.vram_mb ? s.idle : s.used;
  spot x{free_mb, n.offer.rate, doubt_of(n.offer), n.number, static_cast<int32_t>(device), &n};
  if (add)
    row.insert(x);
  else
    row.erase(x);
}

void node_index::list(booked_node& n) {
  if (n.listed || !listable(n)) return;
  n.listed = true;
  seats_.insert(seat_of(n));
  for (size_t i = 0; i < n.free_mb.size(); ++i) shelve(n, i, true);
}

void node_index::unlist(booked_node& n) {
  if (!n.listed) return;
  n.listed = false;
  seats_.erase(seat_of(n));
  for (size_t i = 0; i < n.free_mb.size(); ++i) shelve(n, i, false);
}

void node_index::post(booked_node& n, bool add) {
  auto under = [&](std::string key) {
    auto& list = posted_[key];
    if (add)
      list.emplace(n.number, &n);
    else
      list.erase(n.number);
    if (list.empty()) posted_.erase(key);
  };
  under("region " + n.offer.region);
  for (auto& m : n.offer.models) under("model " + m);
  for (auto& l : n.offer.labels) under("label " + l.key + '=' + l.value);
}

// --- bookings -----------------------------------------------------------------------------------

/// Takes the node's touched parts out of the sets, lets `edit` change it, and puts them back where they belong now.
void node_index::move(booked_node& n, const std::vector<gpu_share>& touched, const std::function<void()>& edit) {
  auto was_listed = n.listed;
  if (was_listed) seats_.erase(seat_of(n));
  auto shelve_touched = [&](bool add) {
    for (auto& x : touched) shelve(n, static_cast<size_t>(x.device), add);
  };
  if (was_listed) shelve_touched(false);
  edit();
  if (!was_listed) return list(n);
  seats_.insert(seat_of(n));
  shelve_touched(true);
  if (!listable(n)) unlist(n);
}

void node_index::book(booked_node& n, const std::string& job_id, booking b) {
  auto touched = b.devices;
  move(n, touched, [&] {
    for (auto& x : b.devices) {
      auto& free_mb = n.free_mb[static_cast<size_t>(x.device)];
      free_mb -= x.vram_mb;
      assert(free_mb >= 0);
    }
    n.free_cores -= b.cpu_cores;
    n.free_memory_mb -= b.memory_mb;
    n.free_disk_mb -= b.disk_mb;
    n.busy.emplace(job_id, std::move(b));
  });
}

bool node_index::release(booked_node& n, const std::string& job_id, booking& was) {
  auto found = n.busy.find(job_id);
  if (found == n.busy.end()) return false;
  was = found->second;
  move(n, was.devices, [&] {
    for (auto& x : was.devices) n.free_mb[static_cast<size_t>(x.device)] += x.vram_mb;
    n.free_cores += was.cpu_cores;
    n.free_memory_mb += was.memory_mb;
    n.free_disk_mb += was.disk_mb;
    n.busy.erase(found);
  });
  return true;
}

booking node_index::booking_of(const booked_node& n, const std::string& user_id, const demand& d,
                               const std::string& devices) {
  booking b{user_id, {}, d.cpu_cores, d.memory_mb, d.disk_mb};
  if (devices.empty() && wants_gpu(d)) b.devices = fit(n, d).value_or(std::vector<gpu_share>{});
  auto free_mb = n.free_mb;
  for (auto& x : parse_shares(devices).value_or(std::vector<gpu_share>{})) {
    auto at = static_cast<size_t>(x.device);
    if (at >= free_mb.size() || free_mb[at] < x.vram_mb) continue;
    free_mb[at] -= x.vram_mb;
    b.devices.push_back(x);
  }
  return b;
}

// --- the best -----------------------------------------------------------------------------------

/// False: nobody has all of what is asked for. `found`: the shortest list of those who have one part of it, if any.
bool node_index::rarest(const demand& d, const nodes_by_number*& found) const {
  auto look = [&](const std::string& key) {
    auto at = posted_.find(key);
    if (at == posted_.end()) return false;
    if (found == nullptr || at->second.size() < found->size()) found = &at->second;
    return true;
  };
  if (!d.region.empty() && !look("region " + d.region)) return false;
  if (!d.model.empty() && !look("model " + d.model)) return false;
  return std::all_of(d.labels.begin(), d.labels.end(),
                     [&](const label& l) { return look("label " + l.key + '=' + l.value); });
}

void node_index::look_on_shelves(search& s, const demand& d) const {
  // Forwards from the first device with enough room: least left over, then least price. One that fits is enough, but
  // for `spread` the idlest of some that are equally good.
  auto forwards = [&](const std::set<spot>& row, int ties) {
    int64_t first_mb = 0;
    for (auto at = row.lower_bound({std::max<int64_t>(1, d.vram_mb)}); at != row.end();) {
      if (first_mb != 0 && (at->free_mb != first_mb || ties <= 0)) return;
      if (d.rate_max > 0 && at->rate > d.rate_max) {
        at = row.lower_bound({at->free_mb + 1});
        continue;
      }
      if (s.consider(*at->at)) {
        first_mb = at->free_mb;
        --ties;
      }
      ++at;
    }
  };
  auto has_type = !d.gpu_type.empty();
  auto from = has_type ? shelves_.lower_bound({d.gpu_type, std::max(1, d.gpu_count)}) : shelves_.begin();
  for (auto shelf = from; shelf != shelves_.end() && (!has_type || shelf->first.first == d.gpu_type); ++shelf) {
    forwards(shelf->second.idle, d.spread ? ties_max : 1);
    if (is_whole(d)) continue;
    auto& used = shelf->second.used;
    if (!d.spread) forwards(used, 1);
    for (auto at = used.rbegin(); d.spread && at != used.rend() && at->free_mb >= d.vram_mb; ++at)
      if (s.consider(*at->at)) break;
  }
}

void node_index::look_at_seats(search& s, const demand& d) const {
  for (auto& x : seats_) {
    if (d.rate_max > 0 && x.rate > d.rate_max) return;
    if (s.consider(*x.at)) return;
  }
}

bool node_index::could_serve_elsewhere(const demand& d, const std::vector<std::string>& avoid) const {
  return std::any_of(nodes_.begin(), nodes_.end(),
                     [&](auto& x) { return !holds(avoid, x.first) && could_serve(x.second->offer, d); });
}

choice node_index::best(const demand& d, const std::vector<std::string>& avoid, const std::string& last) {
  search s{d, avoid, last, {}, nullptr, {}};
  const nodes_by_number* few = nullptr;
  if (!rarest(d, few)) return {};
  if (few != nullptr && few->size() <= scan_max) {
    for (auto& [number, n] : *few) s.consider(*n);
  } else {
    if (wants_gpu(d))
      look_on_shelves(s, d);
    else
      look_at_seats(s, d);
    if (auto* was = last.empty() ? nullptr : find(last)) s.consider(*was);
  }
  if (s.best != nullptr) return {s.best, shares_of(*s.best, s.seats, d)};
  if (avoid.empty() || could_serve_elsewhere(d, avoid)) return {};
  return best(d, {}, last);
}

choice node_index::best_of(const std::set<uint64_t>& numbers, const demand& d, const std::string& last) {
  search s{d, {}, last, {}, nullptr, {}};
  for (auto number : numbers)
    if (auto* n = find(number)) s.consider(*n);
  if (s.best == nullptr) return {};
  return {s.best, shares_of(*s.best, s.seats, d)};
}

std::vector<device_view> node_index::devices() const {
  std::vector<const booked_node*> all;
  for (auto& [id, n] : nodes_) all.push_back(n.get());
  std::sort(all.begin(), all.end(), [](auto* a, auto* b) { return a->offer.id < b->offer.id; });
  std::vector<device_view> views;
  for (auto* n : all)
    for (size_t i = 0; i < n->free_mb.size(); ++i)
      views.push_back({n->offer.id, n->offer.gpus[i].model, n->offer.gpus[i].vram_mb, n->free_mb[i], n->listed});
  return views;
}

int32_t node_index::free_slots() const {
  int32_t sum = 0;
  for (auto& [id, n] : nodes_) sum += std::max(0, n->free_slots());
  return sum;
}

}  // namespace troupe
