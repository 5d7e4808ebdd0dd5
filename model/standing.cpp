// The record of a node over what it says itself.
#include "model/standing.hpp"

#include <algorithm>

namespace troupe {

namespace {

constexpr int64_t unseen_ms_max = 90'000;

}  // namespace

bool is_here(const std::string& state, int64_t seen_ms, int64_t now_ms) {
  return state == "online" && now_ms - seen_ms < unseen_ms_max;
}

std::vector<label> parse_labels(const std::string& text) {
  std::vector<label> labels;
  for (size_t at = 0; at < text.size();) {
    auto end = std::min(text.find(',', at), text.size());
    auto equals = std::min(text.find('=', at), end);
    labels.push_back({text.substr(at, equals - at), text.substr(std::min(equals + 1, end), end - equals - 1)});
    at = end + 1;
  }
  return labels;
}

bool standings::learn(const node_record& x, int64_t now_ms) {
  standing now{
      x.rate, x.has_labels, x.labels, fleet::trust_ppm(x), fleet::reliability_ppm(x), fleet::takes_work(x, now_ms)};
  auto [at, is_new] = known_.try_emplace(x.node_id);
  if (!is_new && at->second == now) return false;
  at->second = std::move(now);
  return true;
}

node_offer standings::of(node_offer offer) const {
  auto found = known_.find(offer.id);
  if (found == known_.end()) return offer;
  auto& x = found->second;
  if (x.rate >= 0) offer.rate = x.rate;
  if (x.has_labels) offer.labels = parse_labels(x.labels);
  offer.trust_ppm = x.trust_ppm;
  offer.reliability_ppm = x.reliability_ppm;
  offer.draining = offer.draining || !x.takes_work;
  return offer;
}

}  // namespace troupe
