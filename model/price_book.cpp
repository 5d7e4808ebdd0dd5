// The built-in prices, and the look-up.
#include "model/price_book.hpp"

#include <algorithm>

#include "model/gpu_names.hpp"

namespace troupe {

namespace {

constexpr amount cents = one / 100;

/// FNV-1a: says whether two books differ. Nobody's money hangs on it.
class fingerprint {
public:
  void add(std::string_view text) {
    for (auto c : text) mix(static_cast<uint8_t>(c));
    mix(0xff);  // in no UTF-8 text: "ab","c" is not "a","bc"
  }
  void add(int64_t number) { add(std::to_string(number)); }
  std::string text() const {
    constexpr std::string_view digits = "0123456789abcdef";
    std::string out(16, '0');
    for (size_t i = 0; i < out.size(); ++i) out[out.size() - 1 - i] = digits[sum_ >> (4 * i) & 15];
    return out;
  }

private:
  void mix(uint8_t byte) { sum_ = (sum_ ^ byte) * 0x100000001b3; }
  uint64_t sum_ = 0xcbf29ce484222325;
};

void add(fingerprint& sum, const token_price& p) {
  for (auto number : {p.in, p.out, p.min_tokens, p.cached}) sum.add(number);
}

}  // namespace

gpu_rates built_in_gpus() {
  return {
      {"nvidia-geforce-rtx-4090", 50 * cents},
      {"nvidia-geforce-rtx-4080", 40 * cents},
      {"nvidia-geforce-rtx-4070", 30 * cents},
      {"nvidia-geforce-rtx-3090", 45 * cents},
      {"nvidia-geforce-rtx-3080", 35 * cents},
      {"nvidia-tesla-a100", 200 * cents},
      {"nvidia-tesla-v100", 150 * cents},
      {"nvidia-tesla-h100", 400 * cents},
      {"nvidia-tesla-l40", 180 * cents},
      {"amd-radeon-rx-7900-xtx", 35 * cents},
      {"amd-radeon-rx-6900-xt", 30 * cents},
      {"amd-instinct-mi250x", 175 * cents},
      {"apple-m1-max", 25 * cents},
      {"apple-m1-ultra", 45 * cents},
      {"apple-m2-max", 30 * cents},
      {"apple-m2-ultra", 55 * cents},
      {"apple-m3-max", 35 * cents},
      {"apple-m3-ultra", 65 * cents},
      {"intel-arc-a770", 20 * cents},
      {"intel-data-center-gpu-max", 120 * cents},
      // Not in the originals' table; market rates of 2026, kept as data.
      {"nvidia-h200", 500 * cents},
      {"nvidia-b200", 800 * cents},
      {"nvidia-l4", 60 * cents},
      {"nvidia-a10", 75 * cents},
      {"nvidia-t4", 35 * cents},
      {"amd-instinct-mi300x", 450 * cents},
  };
}

/// Per million tokens; the originals quote per token (0.00003 for gpt-4 is 30 per million).
model_prices built_in_models() {
  return {
      {"gpt-4", {30 * one, 30 * one, 100}},
      {"claude-2", {20 * one, 20 * one, 100}},
      {"llama-2-70b", {10 * one, 10 * one, 100}},
      {"mistral-7b", {5 * one, 5 * one, 50}},
  };
}

std::optional<gpu_price> price_book::find_gpu(std::string_view name) const {
  auto key = gpu_key(name);
  if (auto same = gpus.find(key); same != gpus.end()) return gpu_price{key, same->second, gpu_match::exact};
  std::vector<std::string_view> keys;
  for (auto& [known, rate] : gpus) keys.push_back(known);
  if (auto family = gpu_family(name, keys); !family.empty())
    return gpu_price{std::string{family}, gpus.find(family)->second, gpu_match::family};
  if (gpu_default && !key.empty()) return gpu_price{key, *gpu_default, gpu_match::fallback};
  return std::nullopt;
}

outcome<gpu_price> price_book::need_gpu(std::string_view name) const {
  if (auto found = find_gpu(name)) return *found;
  std::string known;
  for (auto& [key, rate] : gpus) known += (known.empty() ? "" : ", ") + key;
  return failure{errc::rate_unknown, "no rate for GPU '" + std::string{name} + "'; known: " + known, {}, {}};
}

token_price price_book::of_model(std::string_view name) const {
  auto found = models.find(name);
  return found == models.end() ? model_default : found->second;
}

std::string price_book::version() const {
  fingerprint sum;
  for (auto& [key, rate] : gpus) {
    sum.add(key);
    sum.add(rate);
  }
  sum.add(gpu_default.value_or(-1));
  for (auto& [name, price] : models) {
    sum.add(name);
    add(sum, price);
  }
  add(sum, model_default);
  for (auto number : {vram_gb_hour, power_kwh, api_call, storage_gb_month, bandwidth_gb, fee_bps}) sum.add(number);
  sum.add(fee_inclusive ? 1 : 0);
  return sum.text();
}

}  // namespace troupe
