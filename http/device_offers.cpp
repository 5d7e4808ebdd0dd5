// Reads a node's row: "KEY:VRAM_MB,KEY:VRAM_MB".
#include "http/device_offers.hpp"

#include "config/text.hpp"

namespace troupe {

std::vector<device_offer> offers_of(const node_row& n, const price_book& book) {
  std::vector<device_offer> all;
  if (n.state != "online" || n.gpus.empty()) return all;
  std::vector<amount> rates;
  for (auto part : split(n.gpus, ',')) {
    auto colon = part.rfind(':');
    if (colon == std::string_view::npos || !is_digits(part.substr(colon + 1)) || part.size() - colon > 10) continue;
    auto gpu = std::string{part.substr(0, colon)};
    auto known = book.find_gpu(gpu);
    rates.push_back(known ? known->rate : 0);
    all.push_back({n.id, std::move(gpu), n.region, all.size(), std::stoll(std::string{part.substr(colon + 1)})});
  }
  for (auto& x : all) x.base = device_rate(n.rate, rates, x.index);
  return all;
}

}  // namespace troupe
