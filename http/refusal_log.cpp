// A bucket of tokens for single lines, and counters for the rest.
#include "http/refusal_log.hpp"

#include <nlohmann/json.hpp>

#include "actors/exchange.hpp"
#include "config/log.hpp"

namespace troupe {

namespace {

constexpr int64_t burst = 20'000, per_ms = 2;  // thousandths of a line
constexpr size_t kinds_max = 32, addresses_max = 20;
constexpr auto pause = std::chrono::milliseconds{1000};

}  // namespace

/// REQUIRES: the guard is held.
bool refusal_log::take_token() {
  auto now = h_.steady();
  if (tokens_ < 0) tokens_ = burst;
  tokens_ = std::min(burst, tokens_ + std::max<int64_t>(0, now - filled_ms_) * per_ms);
  filled_ms_ = now;
  if (tokens_ < 1000) return false;
  tokens_ -= 1000;
  return true;
}

void refusal_log::note(audit_entry x) {
  {
    std::lock_guard lock{guard_};
    if (!take_token()) {
      std::pair key{x.action, x.outcome};
      if (gathered_.size() >= kinds_max && !gathered_.contains(key))
        key = {"other", x.outcome.empty() ? "" : "refused"};
      auto& sum = gathered_[key];
      sum.count += 1;
      if (sum.from.size() < addresses_max || sum.from.contains(x.ip)) sum.from[x.ip] += 1;
      if (!std::exchange(flush_comes_, true)) later(h_, pause, [this] { flush(); });
      return;
    }
  }
  write({std::move(x)});
}

void refusal_log::flush() {
  std::vector<audit_entry> lines;
  {
    std::lock_guard lock{guard_};
    flush_comes_ = false;
    for (auto& [key, sum] : std::exchange(gathered_, {})) {
      auto& x = lines.emplace_back();
      x.action = key.first;
      x.outcome = key.second;
      x.detail = nlohmann::json{{"times", sum.count}, {"from", sum.from}}.dump();
    }
  }
  write(std::move(lines));
}

void refusal_log::write(std::vector<audit_entry> lines) {
  commit_changes message;
  for (auto& x : lines) message.changes.emplace_back().audit = std::make_shared<const audit_entry>(std::move(x));
  exchange(h_, h_.actors.ledger.get(), std::move(message), no_limit, [](const outcome<commit_results>& done) {
    if (auto* bad = std::get_if<failure>(&done)) log::warn("refusals were not written down", {{"why", bad->detail}});
  });
}

}  // namespace troupe
