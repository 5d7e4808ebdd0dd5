// A node's rate is for all its GPUs; a session rents one of them, or a part of its memory.
#include "model/rental_place.hpp"

#include <algorithm>
#include <charconv>

#include "model/gpu_names.hpp"

namespace troupe {

namespace {

using namespace std::chrono_literals;

std::string key_of(const price_book& book, std::string_view name) {
  auto known = book.find_gpu(name);
  return known && known->how != gpu_match::fallback ? known->key : gpu_key(name);
}

failure not_available(std::string why) { return {errc::conflict, std::move(why), {}, {}, "PROVIDER_NOT_AVAILABLE"}; }

/// What is in the way so far, the closest miss last.
struct search {
  bool node = false, online = false, model = false, memory = false;
};

struct gpu {
  std::string key;
  int64_t vram_mb = 0;
  amount rate = 0;
};

std::vector<gpu> devices_of(const node_row& n, const price_book& book) {
  std::vector<gpu> all;
  std::vector<amount> rates;
  for (auto& [name, vram_mb] : gpus_of(n)) {
    all.push_back({key_of(book, name), vram_mb, 0});
    auto known = book.find_gpu(name);
    rates.push_back(known ? known->rate : 0);
  }
  for (size_t i = 0; i < all.size(); ++i) all[i].rate = device_rate(n.rate, rates, i);
  return all;
}

int64_t memory_of(const std::vector<gpu>& all, const std::string& key) {
  int64_t sum = 0;
  for (auto& g : all) sum += g.key == key ? g.vram_mb : 0;
  return sum;
}

int64_t allocated(const std::vector<rental>& active, const std::string& node_id, const std::string& key) {
  int64_t sum = 0;
  for (auto& r : active) sum += r.node_id == node_id && r.gpu_model == key ? r.vram_mb : 0;
  return sum;
}

/// Nothing when the sum does not fit.
std::optional<rental> terms(const rental_wish& w, const node_row& n, const gpu& g, const price_book& book) {
  auto agreed = w.quoted.value_or(terms_of(book, g.rate, w.vram_mb, w.power_w));
  auto hour = parts_of(agreed, 1h);
  if (!hour) return std::nullopt;
  rental r;
  r.user_id = w.user_id;
  r.key_id = w.key_id;
  r.job_id = w.job_id;
  r.provider_user = n.user_id;
  r.node_id = n.id;
  r.gpu_model = g.key;
  r.vram_mb = w.vram_mb;
  r.power_w = w.power_w;
  r.base_rate = hour->base;
  r.vram_rate = hour->vram;
  r.power_rate = hour->power;
  r.rate = hour->subtotal();
  r.fee_bps = agreed.fee_bps;
  r.fee_inclusive = w.quoted ? agreed.fee_inclusive : w.fee_inclusive.value_or(book.fee_inclusive);
  r.max_ms = w.max_ms;
  return r;
}

failure say_why(const rental_wish& w, const search& seen, const price_book& book) {
  if (seen.memory) return not_available("that GPU costs more than max_hourly_rate");
  if (seen.model)
    return {errc::conflict,
            "no GPU of that provider has " + std::to_string(w.vram_mb) + " MB free",
            {},
            {},
            "INSUFFICIENT_VRAM"};
  auto known = book.need_gpu(w.gpu_model);
  if (auto bad = std::get_if<failure>(&known)) return *bad;
  if (seen.online) return not_available("that provider has no " + w.gpu_model);
  return not_available(seen.node ? "that provider is offline" : "there is no such provider");
}

}  // namespace

std::vector<std::pair<std::string, int64_t>> gpus_of(const node_row& n) {
  std::vector<std::pair<std::string, int64_t>> all;
  for (size_t at = 0; at < n.gpus.size();) {
    auto end = std::min(n.gpus.find(',', at), n.gpus.size());
    auto one = n.gpus.substr(at, end - at);
    auto colon = std::min(one.rfind(':'), one.size());
    int64_t vram_mb = 0;
    if (colon < one.size()) std::from_chars(one.data() + colon + 1, one.data() + one.size(), vram_mb);
    all.emplace_back(one.substr(0, colon), vram_mb);
    at = end + 1;
  }
  return all;
}

bool is_of_provider(const rental_wish& w, const node_row& n) {
  return n.id == w.provider_id || n.user_id == w.provider_id;
}

outcome<rental> place_rental(const rental_wish& w, const std::vector<node_row>& nodes,
                             const std::vector<rental>& active, const price_book& book) {
  for (auto& x : active)
    if (x.user_id == w.user_id && x.job_id == w.job_id)
      return failure{errc::conflict, "session " + x.id + " is already active there", {}, {}, "SESSION_ALREADY_ACTIVE"};
  auto wanted = key_of(book, w.gpu_model);
  search seen;
  std::optional<rental> best;
  for (auto& n : nodes) {
    if (!is_of_provider(w, n)) continue;
    seen.node = true;
    if (n.state != "online") continue;
    seen.online = true;
    auto all = devices_of(n, book);
    auto total = memory_of(all, wanted);
    auto free = total - allocated(active, n.id, wanted);
    for (auto& g : all) {
      if (g.key != wanted) continue;
      seen.model = true;
      if (std::min(g.vram_mb, free) < w.vram_mb) continue;
      seen.memory = true;
      auto x = terms(w, n, g, book);
      if (!x || x->rate <= 0 || (w.max_rate && x->rate > *w.max_rate)) continue;
      x->total_vram_mb = total;
      if (!best || std::pair{x->rate, x->node_id} < std::pair{best->rate, best->node_id}) best = std::move(x);
    }
  }
  if (best) return *best;
  return say_why(w, seen, book);
}

}  // namespace troupe
