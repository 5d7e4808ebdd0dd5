// Trust is declared, reliability is counted, and three incidents in ten minutes are too many.
#include "model/fleet.hpp"

#include <algorithm>
#include <array>
#include <utility>

namespace troupe::fleet {

namespace {

constexpr int64_t million = 1'000'000;
constexpr int64_t prior_good = 9, prior_all = 10;

constexpr std::array<std::pair<std::string_view, int32_t>, 4> attestations{
    {{"self", 300'000}, {"mobile", 500'000}, {"tpm", 700'000}, {"tee", 900'000}}};

}  // namespace

int32_t trust_ppm(const node_record& x) {
  int32_t sum = (x.has_tpm ? 100'000 : 0) + (x.has_tee ? 100'000 : 0) + (x.secure_boot ? 50'000 : 0);
  for (auto [name, ppm] : attestations)
    if (name == x.attestation) sum += ppm;
  return std::min<int32_t>(sum, million);
}

int32_t reliability_ppm(const node_record& x) {
  return static_cast<int32_t>((x.good + prior_good) * million / (x.good + x.bad + prior_all));
}

bool is_quarantined(const node_record& x, int64_t now_ms) { return now_ms < x.quarantined_until_ms; }

bool takes_work(const node_record& x, int64_t now_ms) { return !x.maintenance && !is_quarantined(x, now_ms); }

sentence next_quarantine(const node_record& x, int64_t now_ms) {
  auto quiet = now_ms - x.quarantined_until_ms >= quarantine_ms_max;
  auto before = quiet ? 0 : x.quarantines;
  auto length = std::min(quarantine_ms_max, quarantine_ms << std::clamp(before, 0, 10));
  return {now_ms + length, before + 1};
}

bool is_attestation(std::string_view text) {
  return std::any_of(attestations.begin(), attestations.end(), [&](auto& x) { return x.first == text; });
}

}  // namespace troupe::fleet
